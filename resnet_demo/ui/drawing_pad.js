// A place to draw. Gradio gives `element`, `upload` and `trigger`. What was drawn goes the way of a file that is dropped,
// each time the pen has rested.
const REST_MS = 600, PEN = 1 / 11; // of the side: as wide as the strokes of the digits that are learned
let from = null, timer = 0;
let latest = 0; // a later drawing, or what is chosen meanwhile, takes the place of one that is on its way

const place = ({target, clientX, clientY}) => {
  const box = target.getBoundingClientRect();
  return [(clientX - box.left) * target.width / box.width, (clientY - box.top) * target.height / box.height];
};

function stroke(canvas, to) {
  const pen = canvas.getContext('2d');
  if (!canvas.dataset.drawn) pen.fillRect(0, 0, canvas.width, canvas.height);
  canvas.dataset.drawn = 'yes';
  Object.assign(pen, {strokeStyle: '#fff', lineWidth: PEN * canvas.width, lineCap: 'round', lineJoin: 'round'});
  pen.beginPath();
  pen.moveTo(...from);
  pen.lineTo(...to);
  pen.stroke();
  from = to;
}

function send(canvas) {
  const mine = ++latest;
  canvas.toBlob(async (blob) => {
    const {path} = await upload(new File([blob], 'drawing.png', {type: 'image/png'}));
    if (mine !== latest) return;
    trigger('click', {path});
    document.getElementById('classify-answer')?.scrollIntoView({block: 'nearest'});
  });
}

element.addEventListener('pointerdown', (event) => {
  if (event.target.tagName !== 'CANVAS' || event.button) return;
  clearTimeout(timer);
  event.target.setPointerCapture(event.pointerId);
  from = place(event);
  stroke(event.target, from);
});
element.addEventListener('pointermove', (event) => from && stroke(event.target, place(event)));
for (const ended of ['pointerup', 'pointercancel']) {
  element.addEventListener(ended, ({target}) => {
    if (!from) return;
    from = null;
    timer = setTimeout(send, REST_MS, target);
  });
}
function clear() {
  clearTimeout(timer);
  latest += 1;
  const canvas = element.querySelector('canvas');
  if (!canvas) return;
  canvas.getContext('2d').clearRect(0, 0, canvas.width, canvas.height);
  delete canvas.dataset.drawn;
}
element.addEventListener('click', ({target}) => target.closest('[data-clear]') && clear());
window.addEventListener('example-chosen', clear); // what is answered is no drawing any more
