// The walk. Gradio gives `element` and `trigger`. The server draws a step and says where to look, as a selector in
// `data-target`; the page goes there, once everything is drawn, and outlines it.
let pressed = 'next';

element.setAttribute('aria-live', 'polite');
element.addEventListener('click', ({target}) => {
  const button = target.closest('[data-step]');
  if (!button) return;
  pressed = button.dataset.go;
  element.setAttribute('aria-busy', 'true');
  trigger('click', {step: Number(button.dataset.step)});
});

function point() {
  element.removeAttribute('aria-busy');
  document.querySelectorAll('.walk-target').forEach((old) => old.classList.remove('walk-target'));
  const go = element.querySelector(`[data-go=${pressed}]:enabled`) ?? element.querySelector('[data-step]:enabled');
  go.focus({preventScroll: true}); // the button that was pressed has been replaced
  const card = element.querySelector('[data-target]');
  if (!card) return;
  const parts = card.dataset.target.split(', ').flatMap((one) => [...document.querySelectorAll(one)]), [first] = parts;
  parts.forEach((part) => part.classList.add('walk-target'));
  if (!first) return;
  first.style.scrollMarginTop = `${card.offsetHeight + 24}px`; // the card stays in view above it
  const behavior = matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth';
  first.scrollIntoView({block: 'start', behavior});
}
window.addEventListener('walked', () => requestAnimationFrame(() => requestAnimationFrame(point)));
