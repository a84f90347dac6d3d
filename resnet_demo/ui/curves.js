// Lets the plots of a page be read and taken along: one cross-hair over all of a tab with every series' value there, by
// mouse, touch and keys; series off and on; full size; files. `html/chart.py` draws them: inside `.plot` the units are
// those of the data (y negated), so the points are the run's own numbers, to four digits. While a run trains the server
// draws plots anew, which takes away what was done to them here; the observer at the end does it again.
const t = (text) => text;
const views = new WeakMap(); // of a tab's panel: what a person has chosen to see of its plots
const models = new WeakMap(); // of a figure: what is drawn in it, read when it is first asked for
const SVG = 'http://www.w3.org/2000/svg';
const DRAG_PX = 6; // less is a click
const ANNOUNCED_MS = 400; // after the last key: a held arrow does not fill a screen reader's ears

const make = (tag, className, textContent = '') =>
  Object.assign(document.createElement(tag), { className, textContent });
function draw(parent, tag, attributes, text = '') {
  const part = parent.appendChild(document.createElementNS(SVG, tag));
  Object.entries(attributes).forEach(([name, value]) => part.setAttribute(name, value));
  part.textContent = text;
  return part;
}
const numbers = (text) => text.match(/-?[\d.]+(e[-+]?\d+)?/g)?.map(Number) ?? [];
const pairs = (flat) => flat.flatMap((x, i) => (i % 2 ? [] : [[x, flat[i + 1]]]));
const clamp = (value, low, high) => Math.max(low, Math.min(high, value));
const nearest = (points, x) => points.reduce((a, b) => (Math.abs(b[0] - x) < Math.abs(a[0] - x) ? b : a));
const written = (value, unit, suffix = '') =>
  (value / unit).toLocaleString('en', { maximumSignificantDigits: 6 }) + suffix;

// --- what is drawn, and what is chosen of it ------------------------------------------------------------------------

const panelOf = (element) => element.closest('[role=tabpanel]') ?? document.body;
function viewOf(element) {
  const panel = panelOf(element);
  if (!views.has(panel)) views.set(panel, { panel, at: null, by: '', off: new Set() });
  return views.get(panel);
}

function modelOf(figure) {
  if (models.has(figure)) return models.get(figure);
  const svg = figure.querySelector('svg'), plot = svg.querySelector('.plot'), log = plot.hasAttribute('data-log');
  const valueOf = log ? (y) => Number((10 ** -y).toPrecision(4)) : (y) => -y;
  const [, xUnit, yUnit, suffix] = plot.dataset.units.match(/^(\S+) ([\d.e+-]+)(.*)$/);
  const lines = [...plot.querySelectorAll('.curve')].map((line) => ({
    line, kind: line.getAttribute('class').replace('curve ', ''), name: line.dataset.name, mean: line.dataset.mean,
    of: line.dataset.of ?? line.dataset.name,
    points: pairs(numbers(line.getAttribute('points'))).map(([x, y]) => [x, valueOf(y)]),
  }));
  const title = titleOf(figure), label = svg.querySelector('.label');
  const by = label.textContent, axis = label.dataset.axis.split(' ')[0];
  const up = log ? Math.log10 : Number, view = viewOf(figure);
  const model = { view, figure, svg, plot, xUnit, yUnit, suffix, lines, title, by, axis, up };
  models.set(figure, model);
  return model;
}

function frameOf({ figure, svg, plot }) {
  const [left, top, width, height] = numbers(plot.getAttribute('viewBox')); // in units of the data
  const [x, y, across, down] = ['x', 'y', 'width', 'height'].map((name) => plot[name].baseVal.value); // of the drawing
  const [, , whole, high] = numbers(svg.getAttribute('viewBox')), box = figure.getBoundingClientRect();
  const { a: scale, e, f } = svg.getScreenCTM(); // in full size the drawing is in the middle of a wider or higher box
  const from = [e - box.left, f - box.top]; // in pixels within the figure
  return { left, top, width, height, x, y, across, down, whole, high, box, scale, from };
}

const plotsOf = ({ panel }) => [...panel.querySelectorAll('.chart')]
  .filter((figure) => figure.getClientRects().length && panelOf(figure) === panel).map(modelOf);
// A legend's button is for its own plot, one of a key for all of the tab; 'A' is for all that has 'A' in its name.
const keyOf = (button) => `${button.closest('.chart')?.querySelector('b').textContent ?? ''}\n${button.dataset.series}`;
const isOff = ({ view, title }, { of }) => [...view.off].map((key) => key.split('\n')).some(([plot, series]) =>
  (plot ? plot === title && of === series : of.split(' ').includes(series)));
const shown = (model) =>
  model.lines.filter((line) => line.points.length && !line.kind.includes('faint') && !isOff(model, line));
const buttonsOf = ({ panel }) => [...panel.querySelectorAll('[data-series]')];

function update(view) {
  buttonsOf(view).forEach((button) => button.setAttribute('aria-pressed', !view.off.has(keyOf(button))));
  plotsOf(view).forEach((model) => model.lines.forEach((one) => {
    const marks = [...model.svg.getElementsByClassName(`mark ${one.kind}`)], dots = one.line.nextElementSibling;
    const mark = marks.find((part) => one.name.startsWith(part.textContent));
    [one.line, dots?.matches('path') && dots, mark].filter(Boolean)
      .forEach((part) => { part.style.display = isOff(model, one) ? 'none' : ''; });
  }));
  show(view);
}

// --- the cross-hair -------------------------------------------------------------------------------------------------

const seen = (model) => { // the points that can be pointed at
  const { left, width } = frameOf(model);
  return shown(model).flatMap((line) => line.points).filter(([x]) => x >= left && x <= left + width);
};

function pointAt(model, x) {
  const points = seen(model);
  if (!points.length) return;
  Object.assign(model.view, { at: nearest(points, x)[0], by: model.by });
  show(model.view);
}

const clear = (view) => show(Object.assign(view, { at: null }));

function show(view) {
  view.panel.querySelectorAll('.cross, .chart-values').forEach((part) => part.remove());
  if (view.at !== null) plotsOf(view).forEach((model) => model.by === view.by && showIn(model, view.at));
  observer.takeRecords(); // of what was done here
}

function showIn(model, at) {
  const { left, top, width, height, x, y, across, down, box, scale, from } = frameOf(model), lines = shown(model);
  if (!lines.length || at < left || at > left + width) return;
  draw(model.plot, 'line', { class: 'cross', x1: at, x2: at, y1: top, y2: top + height });
  const values = model.figure.appendChild(make('div', 'chart-values'));
  values.append(make('b', '', `${model.by} ${written(at, model.xUnit)}`));
  const heights = lines.map((line) => {
    const [place, value] = nearest(line.points, at), row = make('span', line.kind);
    const isMean = line.mean && place !== line.points.at(-1)[0];
    const away = place === at ? '' : t('at {x}').replace('{x}', written(place, model.xUnit));
    const notes = [away, isMean ? t('mean of {points} points').replace('{points}', line.mean) : ''];
    row.append(make('i', ''), make('span', '', line.name), make('b', '', written(value, model.yUnit, model.suffix)));
    row.append(make('small', '', notes.filter(Boolean).join(t(', '))));
    values.append(row);
    draw(model.plot, 'path', { class: `cross point ${line.kind}`, d: `M${place},${-model.up(value)}h0` });
    return (-model.up(value) - top) / height;
  });
  // Beside the line, on the wider side, away from the curves.
  const line = from[0] + (x + ((at - left) / width) * across) * scale;
  const side = line < box.width / 2 ? line + 12 : line - 12 - values.offsetWidth;
  values.style.left = `${clamp(side, -8, Math.max(0, box.width - values.offsetWidth + 8))}px`;
  const mean = heights.reduce((a, b) => a + b) / heights.length;
  const up = mean > 0.5 ? y * scale + 4 : (y + down) * scale - values.offsetHeight - 4;
  values.style.top = `${from[1] + up}px`;
}

// --- by mouse and touch ---------------------------------------------------------------------------------------------

function xUnder(model, { clientX }) {
  const { left, width, x, across, box, scale, from } = frameOf(model);
  return left + (((clientX - box.left - from[0]) / scale - x) / across) * width;
}

const figureUnder = ({ target }) => target.closest?.('.chart > svg')?.parentNode;
let pointed = null, drag = null; // the view whose cross-hair follows the pointer; where a range begins
function onPointer(event) {
  const figure = figureUnder(event), model = figure && modelOf(figure), isMouse = event.pointerType === 'mouse';
  if (model) pointAt(model, xUnder(model, event));
  if (pointed && pointed !== model?.view && (isMouse || event.type === 'pointerdown')) clear(pointed);
  if (model || isMouse) pointed = model?.view ?? null;
  if (event.type === 'pointerdown') drag = isMouse && event.button === 0 && model ? { model, from: event } : null;
  if (drag && Math.abs(event.clientX - drag.from.clientX) > DRAG_PX) {
    const { left, width, top, height } = frameOf(drag.model), inFrame = (x) => clamp(x, left, left + width);
    const [low, high] = [drag.from, event].map((end) => inFrame(xUnder(drag.model, end))).sort((a, b) => a - b);
    if (low === high) clear(drag.model.view); // beside the axes
    else if (event.type === 'pointerup') zoom(drag.model, low, high);
    else draw(drag.model.plot, 'rect', { class: 'cross picked', x: low, width: high - low, y: top, height });
    observer.takeRecords();
  }
  if (event.type === 'pointerup') drag = null;
}

// The server draws the range, for it has the points that were thinned; here is only said which.
const tabOf = ({ figure }) => (figure.closest('#runs-curves') && 'runs') || (figure.closest('.run-column') && 'train');
function zoom(model, low, high) {
  const range = low === undefined ? '' : `${model.axis} ${Math.max(0, low)} ${Math.max(0, high)}`;
  if (!tabOf(model) || model.figure.closest('.replay')) return;
  window.zoomed = { tab: tabOf(model), range };
  trigger('select');
}
function zoomBy(model, factor) { // around the cross-hair
  const { left, width } = frameOf(model), at = clamp(model.view.at ?? left + width / 2, left, left + width);
  zoom(model, at - factor * (at - left), at + factor * (left + width - at));
}

// --- by keys --------------------------------------------------------------------------------------------------------

const status = document.body.appendChild(make('div', 'chart-status'));
status.setAttribute('role', 'status');
let announcing = 0;
function announce({ figure }) {
  clearTimeout(announcing);
  announcing = setTimeout(() => {
    const rows = [...figure.querySelectorAll('.chart-values > *')].map((row) => [...row.childNodes]);
    status.textContent = rows.map((row) => row.map((part) => part.textContent).filter(Boolean).join(' ')).join(', ');
  }, ANNOUNCED_MS);
}

function onKey(event) {
  const figure = event.target.matches?.('.chart > svg') && event.target.parentNode;
  if (!figure || event.ctrlKey || event.altKey || event.metaKey) return;
  const model = modelOf(figure), { view } = model;
  const places = [...new Set(seen(model).map(([x]) => x))].sort((a, b) => a - b);
  const last = places.length - 1, far = event.shiftKey ? 10 : 1;
  const now = view.at === null || last < 0 ? last + 1 : places.indexOf(nearest(places.map((x) => [x]), view.at)[0]);
  const to = { ArrowLeft: now - far, ArrowRight: now + far, Home: 0, End: last }[event.key];
  if (to !== undefined && last >= 0) {
    pointAt(model, places[clamp(to, 0, last)]);
    announce(model);
  } else if (event.key === 'Escape') zoom(model, clear(view));
  else if ('+=-'.includes(event.key)) zoomBy(model, event.key === '-' ? 2 : 0.5);
  else return;
  event.preventDefault();
}

// --- what a plot's menu offers --------------------------------------------------------------------------------------

const menu = Object.assign(make('div', 'chart-menu'), { popover: 'auto' });
let isOpen = false, offered = null; // what of the menu has the focus
menu.addEventListener('toggle', ({ newState }) => { isOpen = newState === 'open'; });
menu.addEventListener('focusin', ({ target }) => { offered = target; });
// In full size it stands in the figure, out of which Gradio takes it as it draws that anew: no event tells of it.
function keepMenu() {
  if (!isOpen || menu.isConnected) return;
  (document.fullscreenElement ?? document.body).append(menu);
  menu.showPopover();
  if (document.activeElement === document.body) offered?.focus();
}
function openMenu(button) {
  const figure = button.closest('figure'), box = button.getBoundingClientRect();
  const offers = figure.matches('.chart') ? offersOfPlot(modelOf(figure)) : offersOfDrawing(figure);
  menu.replaceChildren(...offers.filter(Boolean).map(([text, act]) => Object.assign(make('button', '', text), {
    onclick: () => { menu.hidePopover(); act(); },
  })));
  (document.fullscreenElement ?? document.body).append(menu); // all else is inert there
  menu.showPopover();
  menu.style.left = `${clamp(box.right - menu.offsetWidth, 8, innerWidth)}px`;
  menu.style.top = `${clamp(box.bottom + 4, 8, innerHeight - menu.offsetHeight - 8)}px`;
  menu.firstChild.focus();
}

const offersOfFiles = (name, drawn) => [
  [t('Save as SVG'), () => save(name, 'svg', new Blob([drawn()], { type: 'image/svg+xml' }))],
  [t('Save as PNG'), () => savePng(name, drawn())],
];
const offersOfDrawing = (figure) => offersOfFiles(titleOf(figure), () => wholeDrawing(figure));
function offersOfPlot(model) {
  const name = `${model.view.panel.querySelector('.run-card')?.dataset.run || 'runs'}-${model.title}`;
  return [
    document.fullscreenEnabled && (document.fullscreenElement ? [t('Usual size'), () => document.exitFullscreen()]
      : [t('Full size'), () => model.figure.requestFullscreen()]),
    tabOf(model) && [t('Zoom in'), () => zoomBy(model, 0.5)],
    tabOf(model) && [t('Whole range'), () => zoom(model)],
    ...offersOfFiles(name, () => drawing(model)),
    [t('Save as CSV'), () => save(name, 'csv', new Blob([table(model)], { type: 'text/csv' }))],
  ];
}

function save(name, kind, blob) {
  const file = name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, '-').replace(/-$/, '');
  Object.assign(make('a', ''), { href: URL.createObjectURL(blob), download: `${file}.${kind}` }).click();
}

function savePng(name, drawn) {
  const image = new Image();
  image.onload = () => {
    const canvas = Object.assign(make('canvas', ''), { width: 3 * image.width, height: 3 * image.height });
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(name, 'png', blob));
  };
  image.src = `data:image/svg+xml,${encodeURIComponent(drawn)}`;
}

function table(model) { // what is drawn; a text that a spreadsheet would run as a formula gets an apostrophe
  const cell = (text) => `"${text.replace(/^\s*[=+@-]/, "'$&").replaceAll('"', '""')}"`;
  const rows = shown(model).flatMap(({ name, points }) => points.map((at) => [cell(name || model.title), ...at]));
  return [[cell(t('series')), cell(model.by), cell(model.title)], ...rows, ''].join('\r\n');
}

const titleOf = (figure) => figure.querySelector('b').textContent;
const STYLES = ['fill', 'fill-opacity', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-linecap',
  'stroke-linejoin', 'opacity', 'font-family', 'font-size', 'font-weight', 'text-anchor', 'paint-order'];
const give = (part, style, names = STYLES) =>
  names.forEach((name) => part.setAttribute(name, style.getPropertyValue(name)));
function styledCopy(svg) { // and the copy of each part that is to be seen: a file has no CSS
  const copy = svg.cloneNode(true), copies = [...copy.querySelectorAll('*')];
  const seen = [...svg.querySelectorAll('*')].flatMap((part, i) => {
    const style = getComputedStyle(part), to = copies[i];
    if (style.display === 'none' || part.matches('.cross')) return to.remove() ?? [];
    const around = getComputedStyle(part.parentNode), isSame = (name) => style[name] === around[name];
    give(to, style, STYLES.filter((name) => !isSame(name) || name === 'opacity' || part.hasAttribute(name)));
    return [[part, to]];
  });
  const text = getComputedStyle(svg);
  give(copy, text);
  return { copy, seen, text };
}
const fontOf = (text) => ({ 'font-family': text.fontFamily, 'font-size': 14 });
function standing({ copy, text }, title, above, whole, high) { // by itself, with its title in the space above it
  const bold = { ...fontOf(text), fill: text.color, x: 10, y: 20 - above, 'font-weight': 'bold' };
  draw(copy, 'text', bold, title);
  const fill = getComputedStyle(document.body).backgroundColor;
  copy.prepend(draw(copy, 'rect', { y: -above, width: whole, height: high + above, fill }));
  const size = { xmlns: SVG, viewBox: `0 ${-above} ${whole} ${high + above}`, width: whole, height: high + above };
  Object.entries(size).forEach(([name, value]) => copy.setAttribute(name, value));
  return new XMLSerializer().serializeToString(copy);
}

function wholeDrawing(figure) { // whatever part of it is seen
  const svg = figure.querySelector('svg'), [, , whole, high] = numbers(svg.dataset.whole);
  return standing(styledCopy(svg), titleOf(figure), 30, whole, high);
}

function drawing(model) { // in units of its own alone, with its legend
  const { svg, figure, view, title } = model, { left, top, width, height, across, down, whole, high } = frameOf(model);
  const styled = styledCopy(svg), plot = styled.copy.querySelector('.plot');
  styled.seen.forEach(([part, to]) => {
    const flat = numbers(part.getAttribute('points') ?? part.getAttribute('d') ?? '');
    const at = ([x, y]) => [((x - left) / width) * across, ((y - top) / height) * down].map((n) => n.toFixed(2)).join();
    if (part.matches('polyline')) to.setAttribute('points', pairs(flat).map(at).join(' '));
    const dots = () => flat.map((_, j) => (j % 3 ? '' : `M${at(flat.slice(j))}h0`)).join('');
    if (part.matches('path')) to.setAttribute('d', dots());
  });
  ['viewBox', 'preserveAspectRatio'].forEach((name) => plot.removeAttribute(name));
  const legend = buttonsOf(view).filter((one) => one.getAttribute('aria-pressed') === 'true' &&
    (figure.contains(one) || (!one.closest('.chart') && !figure.querySelector('[data-series]'))));
  legend.forEach((button, i) => {
    const { borderTopColor, borderTopStyle, backgroundColor } = getComputedStyle(button.querySelector('i, b'));
    const isLine = button.querySelector('i'), fill = isLine ? borderTopColor : backgroundColor;
    const line = isLine ? { dashed: '╌╌ ' }[borderTopStyle] ?? '── ' : '';
    const place = { ...fontOf(styled.text), fill, x: 10, y: 20 * (i + 1 - legend.length) - 8 };
    draw(styled.copy, 'text', place, line + button.textContent);
  });
  return standing(styled, title, 30 + 20 * legend.length, whole, high);
}

// --- what the document hears ----------------------------------------------------------------------------------------

['pointermove', 'pointerdown', 'pointerup'].forEach((type) => document.addEventListener(type, onPointer));
document.addEventListener('keydown', onKey);
document.addEventListener('dblclick', (event) => figureUnder(event) && zoom(modelOf(figureUnder(event))));
document.addEventListener('focusout', ({ target }) => target.matches?.('.chart > svg') && clear(viewOf(target)));
document.addEventListener('click', ({ target }) => {
  const button = target.closest?.('[data-series], .chart-more'), view = button && viewOf(button);
  if (button?.matches('.chart-more')) return openMenu(button);
  if (button && (view.off.delete(keyOf(button)) || view.off.add(keyOf(button)))) update(view);
});

const observer = new MutationObserver((records) => { // a plot was drawn anew
  keepMenu();
  const figures = new Set(records.map(({ target }) => target.closest('.chart, .compare-key')).filter(Boolean));
  figures.forEach((figure) => models.delete(figure));
  new Set([...figures].map(viewOf)).forEach((view) => (view.at !== null || view.off.size) && update(view));
});
observer.observe(document.body, {
  subtree: true, childList: true, attributeFilter: ['points', 'viewBox', 'data-units', 'data-mean', 'aria-pressed'],
});
