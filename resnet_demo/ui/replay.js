// Plays the recording that `html/replay.py` writes. Gradio gives `element` and `watch`; the page holds the last moment,
// which is what is seen without motion. Nothing is asked of the server.
const t = (text) => text;
const REST_S = 4; // the end stands so long before it begins again
const FRAME_MS = 66;
let parts = null, playing = false, at = 0, before = 0, timer = 0;

const percent = (share) => (share >= 0.995 && share < 0.9999 ? t('over 99') : (100 * share).toFixed(0)) + '\u00a0%';
const reached = (rows, share) => rows.findLast(([when]) => when <= share + 1e-9)?.[1];

function collect() {
  const root = element.querySelector('.replay');
  if (!root) return null;
  const data = JSON.parse(root.dataset.recording);
  const plots = [...root.querySelectorAll('.plot')].map((plot) => ({
    plot, width: plot.width.baseVal.value, box: plot.getAttribute('viewBox').split(' ').map(Number),
  }));
  return { root, data, plots, tiles: [...root.querySelectorAll('[data-shows]')],
    bars: [...root.querySelectorAll('.replay-pinned li')], find: (name) => root.querySelector(`[data-${name}]`) };
}

function show(share) {
  const { data, plots, tiles, bars, find } = parts;
  plots.forEach(({ plot, width, box: [left, top, across, height] }) => { // so much of the plot is seen
    plot.setAttribute('overflow', share < 1 ? 'hidden' : 'visible');
    plot.setAttribute('width', width * share);
    plot.setAttribute('viewBox', `${left} ${top} ${across * share} ${height}`);
  });
  find('epoch').textContent = Math.min(Math.floor(share * data.epochs + 1e-6) + (share < 1 ? 1 : 0), data.epochs);
  const accuracy = reached(data.accuracies, share);
  find('accuracy').textContent = accuracy === undefined ? t('not yet') : `${(100 * accuracy).toFixed(1)} %`;
  showExamples(tiles, find('right'), reached(data.examples, share) || {});
  const answer = reached(data.answers, share);
  if (answer && bars.length) {
    const top = answer.indexOf(Math.max(...answer));
    bars.forEach((bar, place) => {
      bar.className = place === top ? 'top' : '';
      bar.children[1].style.setProperty('--share', answer[place]);
      bar.children[2].textContent = percent(answer[place]);
    });
    find('top').textContent = data.classes[top];
  }
}

function showExamples(tiles, right, predictions) {
  tiles.forEach((tile) => {
    const [name, share] = predictions[tile.dataset.shows] || ['–', null];
    tile.className = share === null ? '' : name === tile.dataset.shows ? 'right' : 'wrong';
    tile.lastChild.firstChild.textContent = `${name} `;
    tile.lastChild.lastChild.textContent = share === null ? '' : percent(share);
  });
  if (right) right.textContent = tiles.filter((tile) => tile.className === 'right').length;
}

function frame() {
  const now = performance.now(), { root, data } = parts;
  if (root.offsetParent && !document.hidden) { // seen, not on another tab
    at = (at + (now - before) / 1000) % (data.seconds + REST_S);
    show(Math.min(1, at / data.seconds));
    say(at > data.seconds ? t('At its end. It starts anew.') : '');
  }
  before = now;
}

function say(text) { // seen at each round, spoken at the first alone
  const part = parts.find('anew');
  if (part.textContent === text) return;
  part.textContent = text;
  if (!text) part.setAttribute('aria-live', 'off');
}

function play(wanted) {
  clearInterval(timer);
  playing = wanted;
  if (!parts) return;
  parts.find('play').textContent = wanted ? t('Pause') : t('Play');
  before = performance.now();
  if (wanted) timer = setInterval(frame, FRAME_MS);
}

function begin() {
  parts = collect();
  at = 0;
  play(parts !== null && !matchMedia('(prefers-reduced-motion: reduce)').matches);
}

element.addEventListener('click', ({ target }) => target.closest('[data-play]') && play(!playing));
watch('value', begin);
begin();
