// What words of the page mean, where they stand: by pointer, touch and keyboard, and gone by Escape. `html/terms.py` marks
// such a word with `data-term`.
const t = (text) => text;
const TERMS = {
  accuracy: t('The share of the answers that are right.'),
  calibrated: t('Of the answers that are given with a probability of 80 %, four in five should be right. So that they are, the scores of the network are divided by one number, the temperature, before they become probabilities. It is fitted on held-out images, which were never trained on.'),
  epoch: t('One pass through all training images.'),
  heldOut: t('Accuracy on images that were taken out of the training images. Which epoch is kept as the best, and the temperature, depend on them, so that the test images only report.'),
  interval: t('An accuracy measured on a limited number of images is an estimate. About 95 of 100 such intervals contain the true accuracy.'),
  loss: t('How wrong and how unsure the answers are. Training makes it smaller; a random guess among ten classes has 2.3 (ln 10).'),
  step: t('One batch of images: the network answers, and its weights move a little, so that the next answers are better.'),
  testAccuracy: t('The share of the test images that are classified correctly. The network was not trained on them, and they are not used to choose anything.'),
};
const SHOWN_MS = 200; // the pointer may pass by, and may go from the word into the box
let word = null, timer = 0, isFocused = false, home = null;

const box = Object.assign(document.createElement('div'), {id: 'term-box', className: 'term-box', popover: 'auto'});
box.setAttribute('role', 'tooltip');
document.body.append(box);

function show(next) {
  clearTimeout(timer);
  if (word === next && box.matches(':popover-open')) return;
  hide();
  [word, home] = [next, next.closest('.block') ?? document.body];
  box.textContent = TERMS[word.dataset.term];
  word.setAttribute('aria-describedby', box.id);
  (document.fullscreenElement ?? document.body).append(box); // all else is inert there
  box.showPopover();
  const at = word.getBoundingClientRect(), below = at.bottom + 6;
  box.style.left = `${Math.max(8, Math.min(at.left, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${below + box.offsetHeight < innerHeight ? below : at.top - box.offsetHeight - 6}px`;
}
function hide() {
  clearTimeout(timer);
  word?.removeAttribute('aria-describedby');
  word = null;
  if (box.matches(':popover-open')) box.hidePopover();
}
const wordAt = ({target}) => target.closest?.('[data-term]');
const later = (what) => { clearTimeout(timer); timer = setTimeout(what, SHOWN_MS); };

document.addEventListener('pointerover', (event) => {
  const under = wordAt(event);
  if (event.pointerType !== 'mouse') return;
  if (under && under !== word) later(() => show(under));
  else if (under || box.contains(event.target)) clearTimeout(timer);
  else if (word && !isFocused) later(hide);
  else clearTimeout(timer);
});
document.addEventListener('click', (event) => wordAt(event) && show(wordAt(event)));
document.addEventListener('focusin', (event) => {
  isFocused = Boolean(wordAt(event)?.matches(':focus-visible'));
  if (isFocused) show(wordAt(event));
  else if (!wordAt(event)) hide();
});
document.addEventListener('keydown', (event) => {
  if (!wordAt(event)?.matches('.term') || !['Enter', ' '].includes(event.key)) return;
  event.preventDefault();
  show(wordAt(event));
});
box.addEventListener('toggle', ({newState}) => newState === 'closed' && hide());
// A part that is drawn anew has the word anew: who reads it, or stands on it, stays there. One in full size, where the
// box stands, loses the box.
new MutationObserver(() => {
  if (!word || (word.isConnected && box.isConnected)) return;
  const again = word.isConnected ? word : home.querySelector(`[data-term="${word.dataset.term}"]`);
  const wasFocused = isFocused;
  hide();
  if (again && wasFocused && again !== document.activeElement) again.focus();
  else if (again) show(again);
}).observe(document.body, {childList: true, subtree: true});
