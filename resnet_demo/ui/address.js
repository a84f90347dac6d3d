/* The address names what the tab in front shows; what the other tabs show is remembered, so that it is named again when
   they are opened. `FIRST` is what is shown before anybody has chosen: it is not named. */
const OF_TAB = {
  train: ['run'], runs: ['runs', 'error'], architecture: ['network', 'stem', 'shortcut', 'size', 'block', 'step'],
};
const FIRST = FIRST_VALUES;
let shown = {...FIRST}, restoring = false, isBehind = false, isBlockAwaited = false;

const namesOf = (tab) => ['tab', ...(OF_TAB[tab] ?? [])];

const read = () => {
  const given = new URLSearchParams(location.search), tab = given.get('tab') ?? FIRST.tab;
  const named = namesOf(tab).map((name) => [name, given.get(name) ?? FIRST[name]]);
  return {...shown, ...Object.fromEntries(named)};
};

const addressOf = (state) => {
  // A step of the walk says itself which network it draws.
  const named = state.tab === 'architecture' && state.step ? ['tab', 'step'] : namesOf(state.tab);
  const address = new URL(location.href);
  Object.keys(FIRST).forEach((name) => {
    if (named.includes(name) && state[name] !== FIRST[name]) address.searchParams.set(name, state[name]);
    else address.searchParams.delete(name);
  });
  return address.href;
};

const restore = () => { // one after the other: of two at once the first may be answered last
  isBehind = restoring;
  if (restoring) return;
  restoring = true;
  shown = read();
  trigger('click', shown);
};

const showBlock = () => { // it stands in the page once its tab has been selected, which is told here, too
  const block = document.getElementById('arch-block');
  if (block) isBlockAwaited = false;
  block?.scrollIntoView();
};

window.addEventListener('address', ({detail}) => {
  const {restored, ...changed} = detail;
  if (restored) restoring = false;
  if (restoring) return;
  if (isBehind) return restore();
  Object.assign(shown, changed);
  const address = addressOf(shown);
  if (restored) isBlockAwaited = new URL(address).searchParams.has('block');
  if (isBlockAwaited) requestAnimationFrame(showBlock);
  if (address === location.href) return;
  if (restored) history.replaceState(null, '', address);  // something that it named is not there
  else history.pushState(null, '', address);
  // Who looks at a Space sees the address of the page around it.
  if (location.hostname.endsWith('.hf.space')) {
    parent.postMessage({queryString: location.search.slice(1)}, 'https://huggingface.co');
  }
});
window.addEventListener('popstate', restore);
if (addressOf(read()) !== addressOf(FIRST)) restore();
