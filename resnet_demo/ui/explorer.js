// The drawing of the whole network (`html/explorer.py`): zoom and pan by pointer, touch and keys, what a part is told
// under it, and a block opened by a click or Enter. Gradio gives `element`, `trigger` and `watch`.
const NARROW_PX = 760; // a narrower drawing is broken into the short lines of a phone
const MOST = 8; // times as large as the whole
const STEP = 1.5, PAN = 0.2; // of what is seen, by a key
const DRAG_PX = 4; // less is a click
const MOVED = {g: 'transform', path: 'd', svg: 'viewBox'};
const fingers = new Map(); // pointers that are down, by id
let drawing, whole, seen, dragged; // the SVG; all of it and what is seen of it, as [left, top, width, height]

const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const calm = () => (matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth');
const placeOf = ({clientX, clientY}) => new DOMPoint(clientX, clientY).matrixTransform(drawing.getScreenCTM().inverse());
const scale = () => drawing.getScreenCTM().a; // pixels of the screen for a unit of the drawing

// --- what is seen of it ------------------------------------------------------------------------------------------------

function look(left, top, width) {
  width = clamp(width, whole[2] / MOST, whole[2]);
  const height = (width / whole[2]) * whole[3];
  seen = [clamp(left, 0, whole[2] - width), clamp(top, 0, whole[3] - height), width, height];
  drawing.setAttribute('viewBox', seen.join(' '));
  drawing.classList.toggle('explorer-zoomed', width < whole[2]);
}
function zoom(factor, {x, y} = {x: seen[0] + seen[2] / 2, y: seen[1] + seen[3] / 2}) { // what is at x, y stays there
  const width = clamp(seen[2] / factor, whole[2] / MOST, whole[2]), ratio = width / seen[2];
  look(x - (x - seen[0]) * ratio, y - (y - seen[1]) * ratio, width);
}
const pan = (x, y) => look(seen[0] + x, seen[1] + y, seen[2]);
const zoomTo = {in: () => zoom(STEP), out: () => zoom(1 / STEP), whole: () => look(0, 0, whole[2])};

function fit() { // the server draws for a wide page; each part has its other place with it
  drawing = element.querySelector('.explorer > svg');
  if (!drawing || !element.clientWidth) return;
  const isNarrow = element.clientWidth < NARROW_PX, isNew = !drawing.dataset.whole;
  const changes = isNarrow !== drawing.classList.contains('explorer-narrow');
  if (!changes && !isNew) return;
  if (changes) {
    if (!isNew) drawing.setAttribute('viewBox', drawing.dataset.whole);
    [drawing, ...drawing.querySelectorAll('[data-other]')].forEach((part) => {
      const name = MOVED[part.tagName], now = part.getAttribute(name);
      part.setAttribute(name, part.dataset.other);
      part.dataset.other = now;
    });
    drawing.classList.toggle('explorer-narrow', isNarrow);
  }
  drawing.dataset.whole = drawing.getAttribute('viewBox');
  whole = drawing.dataset.whole.split(' ').map(Number);
  zoomTo.whole();
}
watch('value', fit);
new ResizeObserver(fit).observe(element);

// --- what is told of a part, and what a block opens --------------------------------------------------------------------

function tell(part) {
  const line = element.querySelector('.explorer-told');
  if (line) line.textContent = part?.dataset.told ?? line.dataset.hint;
}
function mark(block) {
  drawing?.querySelector('[aria-current]')?.removeAttribute('aria-current');
  block?.setAttribute('aria-current', 'true');
}
function open(block) {
  mark(block);
  window.openedBlock = block.dataset.block;
  trigger('click');
  document.getElementById('arch-block')?.scrollIntoView({behavior: calm()});
}
// Back opens another block of the same drawing, which Gradio does not draw anew.
window.addEventListener('address', ({detail: {block}}) => {
  if (block) mark(element.querySelector(`[data-block="${CSS.escape(block)}"]`));
});
const told = ({target}) => target.closest?.('[data-told]');
element.addEventListener('pointerover', (event) => tell(told(event) ?? element.querySelector('[data-told]:focus')));
element.addEventListener('pointerleave', () => tell(element.querySelector('[data-told]:focus')));
element.addEventListener('focusin', (event) => {
  const part = told(event);
  tell(part);
  if (!part || !part.matches(':focus-visible')) return;
  const {left, top, right, bottom} = part.getBoundingClientRect(), box = drawing.getBoundingClientRect();
  const away = (low, high, from, to) => Math.min(0, low - from) || Math.max(0, high - to);
  pan(away(left, right, box.left, box.right) / scale(), away(top, bottom, box.top, box.bottom) / scale());
});
element.addEventListener('focusout', () => tell());
element.addEventListener('click', ({target}) => {
  const button = target.closest('[data-zoom]'), block = target.closest('[data-block]');
  if (button) zoomTo[button.dataset.zoom]();
  else if (block && !dragged) open(block);
});

// --- by keys, wheel, mouse and fingers -----------------------------------------------------------------------------------

element.addEventListener('keydown', (event) => {
  if (!drawing?.contains(event.target) || event.ctrlKey || event.altKey || event.metaKey) return;
  const block = event.target.closest('[data-block]'), far = PAN * seen[2], isWhole = seen[2] === whole[2];
  const moves = {ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far]};
  const step = {'+': 'in', '=': 'in', '-': 'out', 0: 'whole'}[event.key];
  if (step) zoomTo[step]();
  else if (block && ['Enter', ' '].includes(event.key)) open(block);
  else if (moves[event.key] && !isWhole) pan(...moves[event.key]);
  else return;
  event.preventDefault();
});
const isIn = ({target}) => drawing?.contains(target);
element.addEventListener('wheel', (event) => {
  if (!isIn(event) || !event.ctrlKey) return;
  event.preventDefault();
  zoom(Math.exp(-event.deltaY / 200), placeOf(event));
}, {passive: false});
// One finger scrolls the page up and down and drags the drawing sideways; two move and zoom it.
element.addEventListener('touchmove', (event) => isIn(event) && event.touches.length > 1 && event.preventDefault(),
  {passive: false});

element.addEventListener('pointerdown', (event) => {
  if (!isIn(event) || event.button) return;
  if (!fingers.size) dragged = false;
  fingers.set(event.pointerId, event);
});
element.addEventListener('pointermove', (event) => {
  if (!event.buttons) return fingers.delete(event.pointerId); // let go where the page was not told of it
  const before = fingers.get(event.pointerId);
  if (!before) return;
  const [x, y] = [event.clientX - before.clientX, event.clientY - before.clientY];
  const other = [...fingers.values()].find(({pointerId}) => pointerId !== event.pointerId);
  if (!other && !dragged && Math.hypot(x, y) < DRAG_PX) return;
  if (!dragged) drawing.setPointerCapture(event.pointerId);
  dragged = true;
  fingers.set(event.pointerId, event);
  if (other) {
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    zoom(apart(event) / Math.max(1, apart(before)), placeOf(other));
  }
  pan(-x / scale() / fingers.size, -y / scale() / fingers.size);
});
['pointerup', 'pointercancel'].forEach((type) => element.addEventListener(type, ({pointerId}) => fingers.delete(pointerId)));
fit();
