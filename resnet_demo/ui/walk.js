// The walk. Gradio gives `element` and `trigger`. The server draws a step and says where to look, as selectors in
// `data-target`; the page goes there once everything is drawn.
let pressed = 'next';

element.setAttribute('aria-live', 'polite');
element.addEventListener('click', ({target}) => {
  const button = target.closest('[data-step]');
  if (!button) return;
  pressed = button.dataset.go;
  window.walkStep = button.dataset.step;
  trigger('click');
});

function point() {
  const go = element.querySelector(`[data-go=${pressed}]:enabled`) ?? element.querySelector('[data-step]:enabled');
  go.focus({preventScroll: true}); // the button that was pressed has been replaced
  const card = element.querySelector('[data-target]');
  const first = card?.dataset.target.split(', ').map((one) => document.querySelector(one)).find(Boolean);
  if (!first) return;
  first.style.scrollMarginTop = `${card.offsetHeight + 24}px`; // the card stays in view above it
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  first.scrollIntoView({block: 'start', behavior});
}
window.addEventListener('walked', () => requestAnimationFrame(() => requestAnimationFrame(point)));
