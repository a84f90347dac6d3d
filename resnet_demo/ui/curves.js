// Lets the plots of a page be read: one cross-hair over all of a tab, by mouse, touch and arrow keys, with every
// series' value there. `html/chart.py` draws them: inside `.plot` the units are those of the data (y negated), so the
// points are the run's own numbers, to four digits. Nothing is asked of the server. It draws a plot anew while a run
// trains, which takes away all that was put into it here; the observer at the end puts it back.
const views = new WeakMap(); // of a tab's panel: where its cross-hair stands
const models = new WeakMap(); // of a figure: what is drawn in it, read when it is first asked for
const NS = 'http://www.w3.org/2000/svg';
const ANNOUNCED_MS = 400; // after the last key: a held arrow does not fill a screen reader's ears

const make = (tag, name, text = '') => Object.assign(document.createElement(tag), { className: name, textContent: text });
const draw = (parent, tag, attributes) => {
  const part = parent.appendChild(document.createElementNS(NS, tag));
  Object.entries(attributes).forEach(([name, value]) => part.setAttribute(name, value));
};
const numbers = (text) => text.match(/-?[\d.]+(e[-+]?\d+)?/g)?.map(Number) ?? [];
const written = (value, unit, suffix = '') => (value / unit).toLocaleString('en', { maximumSignificantDigits: 6 }) + suffix;
const nearest = (points, x) => points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best));

// --- what is drawn ----------------------------------------------------------------------------------------------

const panelOf = (element) => element.closest('[role=tabpanel]') ?? document.body;

function viewOf(element) {
  const panel = panelOf(element);
  if (!views.has(panel)) views.set(panel, { panel, at: null, by: '' });
  return views.get(panel);
}

function modelOf(figure) {
  if (models.has(figure)) return models.get(figure);
  const svg = figure.querySelector('svg'), plot = figure.querySelector('.plot');
  const [, xUnit, yUnit, suffix] = plot.dataset.units.match(/^(\S+) ([\d.e+-]+)(.*)$/);
  const lines = [...plot.querySelectorAll('.curve')].map((line) => {
    const flat = numbers(line.getAttribute('points'));
    const points = flat.flatMap((x, i) => (i % 2 ? [] : [[x, -flat[i + 1]]]));
    return { kind: line.getAttribute('class').replace('curve ', ''), name: line.dataset.name, mean: line.dataset.mean, points };
  });
  const model = { figure, svg, plot, xUnit, yUnit, suffix, lines, by: figure.querySelector('.label').textContent };
  models.set(figure, model);
  return model;
}

const plotsOf = (view) =>
  [...view.panel.querySelectorAll('.chart')].filter((figure) => figure.getClientRects().length && panelOf(figure) === view.panel).map(modelOf);
const told = (model) => model.lines.filter((line) => line.points.length && !line.kind.includes('faint'));
const frameOf = ({ svg, plot }) => {
  const [left, top, width, height] = numbers(plot.getAttribute('viewBox'));
  const [, , whole] = numbers(svg.getAttribute('viewBox'));
  const [x, y, across, down] = ['x', 'y', 'width', 'height'].map((name) => plot[name].baseVal.value);
  return { left, top, width, height, whole, x, y, across, down };
};

// --- the cross-hair ---------------------------------------------------------------------------------------------

function pointAt(view, model, x) {
  const points = told(model).flatMap((line) => line.points);
  if (!points.length) return;
  [view.at] = nearest(points, x);
  view.by = model.by;
  show(view);
}

function clear(view) {
  view.at = null;
  show(view);
}

function show(view) {
  view.panel.querySelectorAll('.cross, .chart-values').forEach((part) => part.remove());
  if (view.at !== null) plotsOf(view).forEach((model) => model.by === view.by && showIn(view, model));
  observer.takeRecords(); // of what was done here
}

function showIn(view, model) {
  const { left, top, width, height, whole, x, y, across, down } = frameOf(model), { at } = view;
  const lines = told(model);
  if (!lines.length || at < left || at > left + width) return;
  draw(model.plot, 'line', { class: 'cross', x1: at, x2: at, y1: top, y2: top + height });
  const values = make('div', 'chart-values');
  values.append(make('b', '', `${model.by} ${written(at, model.xUnit)}`));
  let heights = 0;
  lines.forEach((line) => {
    const [place, value] = nearest(line.points, at);
    heights += (-value - top) / height;
    draw(model.plot, 'path', { class: `cross point ${line.kind}`, d: `M${place},${-value}h0` });
    const row = make('span', line.kind), last = line.points.at(-1)[0] === place;
    row.append(make('i', ''), make('span', '', line.name), make('b', '', written(value, model.yUnit, model.suffix)));
    const elsewhere = place === at ? '' : `at ${written(place, model.xUnit)}`;
    row.append(make('small', '', [elsewhere, line.mean && !last ? `mean of ${line.mean}` : ''].filter(Boolean).join(', ')));
    values.append(row);
  });
  const share = (x + ((at - left) / width) * across) / whole; // the box stands on the wider side, away from the curves
  Object.assign(values.style, share < 0.5 ? { left: `calc(${100 * share}% + 12px)` } : { right: `calc(${100 - 100 * share}% + 12px)` });
  const box = model.svg.getBoundingClientRect(), figure = model.figure.getBoundingClientRect(), scale = box.width / whole;
  if (heights / lines.length > 0.5) values.style.top = `${box.top - figure.top + y * scale + 4}px`;
  else values.style.bottom = `${figure.bottom - box.top - (y + down) * scale + 4}px`;
  model.figure.append(values);
}

function xUnder(model, event) {
  const { left, width, whole, x, across } = frameOf(model), box = model.svg.getBoundingClientRect();
  return left + ((((event.clientX - box.left) / box.width) * whole - x) / across) * width;
}

const plotUnder = (event) => event.target.closest?.('.chart > svg, .chart .plot')?.closest('.chart');

function follow(event) {
  const figure = plotUnder(event);
  if (figure) pointAt(viewOf(figure), modelOf(figure), xUnder(modelOf(figure), event));
  return figure;
}

let pointed = null; // the view whose cross-hair follows the pointer
function onPointer(event) {
  const view = follow(event) && viewOf(event.target);
  if (pointed && !view && (event.pointerType === 'mouse' || event.type === 'pointerdown')) clear(pointed);
  if (view || event.pointerType === 'mouse') pointed = view || null;
}

// --- keys -------------------------------------------------------------------------------------------------------

const status = document.body.appendChild(make('div', 'chart-status'));
status.setAttribute('role', 'status');
let announcing = 0;
function announce(model) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    const rows = [...model.figure.querySelectorAll('.chart-values > *')];
    status.textContent = rows.map((row) => [...row.childNodes].map((part) => part.textContent).filter(Boolean).join(' ')).join(', ');
  }, ANNOUNCED_MS);
}

function onKey(event) {
  const figure = event.target.matches?.('.chart > svg') && event.target.parentNode;
  if (!figure || event.ctrlKey || event.altKey || event.metaKey) return;
  const view = viewOf(figure), model = modelOf(figure);
  const places = [...new Set(told(model).flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
  const now = view.at === null ? places.length : places.indexOf(nearest(places.map((x) => [x]), view.at)[0]);
  const far = event.shiftKey ? 10 : 1, last = places.length - 1;
  const to = { ArrowLeft: now - far, ArrowRight: now + far, Home: 0, End: last }[event.key];
  if (to !== undefined && places.length) {
    pointAt(view, model, places[Math.max(0, Math.min(last, to))]);
    announce(model);
  } else if (event.key === 'Escape' && view.at !== null) clear(view);
  else return;
  event.preventDefault();
}

['pointermove', 'pointerdown'].forEach((type) => document.addEventListener(type, onPointer));
document.addEventListener('keydown', onKey);
document.addEventListener('focusout', ({ target }) => target.matches?.('.chart > svg') && clear(viewOf(target)));

// --- drawn anew by the server -----------------------------------------------------------------------------------

const observer = new MutationObserver((records) => {
  const figures = new Set(records.map(({ target }) => target.closest('.chart')).filter(Boolean));
  figures.forEach((figure) => models.delete(figure));
  new Set([...figures].map(viewOf)).forEach((view) => view.at !== null && show(view));
});
observer.observe(document.body, { subtree: true, childList: true, attributeFilter: ['points', 'viewBox', 'data-units', 'data-mean'] });
