// Marks what was pressed with `aria-busy` from the press until its answer or failure; the style sheet draws it. A press
// leads to calls, and their answers to more (an example is chosen, then asked about): it lasts until none has been on
// its way for REST_MS. Gradio tells the page nothing of that, so the calls are counted where they pass, in `fetch`.
// What a timer asks, and what follows from it, is for no press: on a busy machine it is always on its way.
const t = (text) => text;
const REST_MS = 250, SAID_MS = 1500;
const CALL = /\/gradio_api\/(run\/|queue\/join|upload|component_server)/;
const joined = new Map(); // id of a queued call -> the press that it is for, null for none
const early = new Set(); // ids whose answer came before it was known for whom
let press = null; // the last one, as long as it lasts

const status = document.body.appendChild(document.createElement('div'));
status.className = 'busy-status';
status.setAttribute('role', 'status');

function begin(part) {
  if (press?.part !== part) press = {part, calls: 0, saying: 0, resting: 0};
  if (!press.calls) rest(press);
}
function rest(one) {
  clearTimeout(one.resting);
  one.resting = setTimeout(() => {
    one.part.removeAttribute('aria-busy');
    clearTimeout(one.saying);
    if (press !== one) return;
    press = null;
    status.textContent = '';
  }, REST_MS);
}
function called(one) {
  clearTimeout(one.resting);
  one.calls += 1;
  one.part.setAttribute('aria-busy', 'true');
  one.saying ||= setTimeout(() => { status.textContent = t('Working…'); }, SAID_MS);
}
function answered(one) {
  one.calls -= 1;
  if (!one.calls) rest(one);
}
function finished(id) {
  if (!joined.has(id)) return early.add(id);
  const one = joined.get(id);
  joined.delete(id);
  return one && answered(one);
}

let timed; // ids of the timers, and of what they fill; but not of what can be pressed
function isTimed(body) {
  if (!timed) {
    const {components, dependencies} = window.gradio_config;
    const timers = components.filter(({type}) => type === 'timer').map(({id}) => id);
    const ticks = dependencies.filter(({targets}) => targets.some(([id]) => timers.includes(id)));
    timed = new Set([...timers, ...ticks.flatMap(({outputs}) => outputs)]);
    dependencies.flatMap(({targets}) => targets).forEach(([id, event]) => event === 'click' && timed.delete(id));
  }
  return timed.has(Number(/"trigger_id":(\d+)/.exec(body)?.[1]));
}

const send = window.fetch;
window.fetch = async (...call) => {
  const [to, {method, body} = {}] = call, url = String(to?.url ?? to);
  if (url.includes('/queue/data')) return followed(await send(...call));
  if (url.endsWith('/gradio_api/cancel')) finished(JSON.parse(body).event_id);
  if (method !== 'POST' || !CALL.test(url)) return send(...call);
  const one = isTimed(body) ? null : press, isQueued = url.includes('/queue/join');
  if (one) called(one);
  let id;
  try {
    const answer = await send(...call);
    if (isQueued && answer.ok) id = (await answer.clone().json()).event_id;
    return answer;
  } finally {
    if (id) joined.set(id, one);
    else if (one) answered(one);
    if (early.delete(id)) finished(id);
  }
};

document.addEventListener('obeyed', () => { // a run has begun, though the call that began it goes on
  for (const [id, one] of joined) {
    if (!one?.part.matches('#start, #tour, #resume')) continue; // and not the last press, which may be another by now
    joined.set(id, null);
    answered(one);
  }
});

function followed(answer) { // what tells of the queued calls
  if (!answer.body) return answer;
  const [theirs, ours] = answer.body.tee();
  // Gradio ends it by aborting it. Nothing more is heard then of the calls that are left.
  const forget = () => [...joined.keys()].forEach(finished);
  listen(ours.pipeThrough(new TextDecoderStream()).getReader()).then(forget, forget);
  return new Response(theirs, answer);
}
async function listen(reader) {
  let text = '';
  for (let {done, value} = await reader.read(); !done; {done, value} = await reader.read()) {
    const messages = (text + value).split('\n\n');
    text = messages.pop();
    const completed = messages.filter((message) => message.includes('"process_completed"'));
    completed.forEach((message) => finished(JSON.parse(message.slice(message.indexOf('{'))).event_id));
  }
}

document.addEventListener('click', ({target}) => {
  const part = target.closest?.('button, [role=button], [role=option], label');
  if (part) begin(part.matches('[role=option]') ? part.closest('.block') ?? part : part);
}, true);
for (const event of ['change', 'drop']) { // of a file: its place is the part
  document.addEventListener(event, ({target}) => {
    const part = (event === 'drop' || target.type === 'file') && target.closest?.('.block');
    if (part) begin(part);
  }, true);
}
