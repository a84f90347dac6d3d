// Who asks for one frame after the other gets every frame for LIVELY of them, and then one in REST_MS, until it stops.
// Gradio's loading indicator counts on when it is gone, and so asks for every frame as long as the page is open (6.31):
// drawing them took an eighth of a core, from a training on the same machine. What else asks for so long shows seconds.
// This stands in the page's head, since Gradio's scripts keep the function that they find when they are loaded.
(() => {
  const LIVELY = 300, REST_MS = 250;
  const ask = window.requestAnimationFrame.bind(window), takeBack = window.cancelAnimationFrame.bind(window);
  const waiting = new Map(); // id that was given out -> how it is taken back
  let last = 0, chain = 0; // how many frames led to the callback that runs now

  window.requestAnimationFrame = (callback) => {
    const id = ++last, place = chain + 1;
    const draw = () => {
      const frame = ask((time) => {
        waiting.delete(id);
        chain = place;
        try { callback(time); } finally { chain = 0; }
      });
      waiting.set(id, () => takeBack(frame));
    };
    if (place <= LIVELY) {
      draw();
    } else {
      const rest = setTimeout(draw, REST_MS);
      waiting.set(id, () => clearTimeout(rest));
    }
    return id;
  };
  window.cancelAnimationFrame = (id) => {
    waiting.get(id)?.();
    waiting.delete(id);
  };
})();
