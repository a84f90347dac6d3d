// Several images at once. Gradio gives `element` and `trigger`. Each file is sent by itself, so that one that is refused
// is one row of the answer; Gradio's own `upload` would also pop up what the server said, as JSON. The texts stand in
// the markup.
const part = element.querySelector('details'), state = element.querySelector('[data-sending]');
let latest = 0; // a later choice takes the place of one that is still being sent

async function sent(file) { // its path on the server, or its problem
  const {root, api_prefix} = window.gradio_config, body = new FormData();
  body.append('files', file);
  const answer = await fetch(`${root}${api_prefix}/upload`, {method: 'POST', body});
  const told = await answer.json().catch(() => ({})), {lost} = state.dataset; // another server's error is a page
  if (answer.ok) return told[0] ? {path: told[0]} : {problem: lost};
  return {problem: typeof told.detail === 'string' ? told.detail : lost};
}

async function send(files) {
  const mine = ++latest, {sending, most, bytes, large, lost} = state.dataset, asked = [];
  const chosen = files.slice(0, Number(most));
  part.open = true;
  part.scrollIntoView({block: 'nearest'});
  for (const [place, file] of chosen.entries()) {
    state.setAttribute('aria-live', place ? 'off' : 'polite'); // not each is read out
    state.textContent = sending.replace('{n}', place + 1).replace('{total}', chosen.length);
    const name = file.webkitRelativePath || file.name;
    if (file.size > Number(bytes)) {
      asked.push({name, problem: large});
      continue;
    }
    try {
      asked.push({name, ...await sent(file)});
    } catch { // what the browser says of it is in its own words and language
      asked.push({name, problem: lost});
    }
    if (mine !== latest) return;
  }
  state.textContent = '';
  if (!asked.length) return;
  window.severalImages = JSON.stringify({files: asked, given: files.length, at: Date.now()});
  trigger('click');
}

const all = (entry) => new Promise((resolve, reject) => { // the entries of a folder come by the hundred
  const reader = entry.createReader(), found = [];
  const next = () => reader.readEntries((some) => {
    found.push(...some);
    if (some.length) next();
    else resolve(found);
  }, reject);
  next();
});

async function filesOf(entry) {
  if (entry instanceof File) return [entry];
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  return (await Promise.all((await all(entry)).map(filesOf))).flat();
}

element.addEventListener('change', ({target}) => {
  if (target.type !== 'file') return;
  send([...target.files]);
  target.value = ''; // the same files can be chosen once more
});
element.addEventListener('dragover', (event) => event.preventDefault());

// Gradio's place for one image keeps one file of several.
document.addEventListener('drop', async (event) => {
  const here = element.contains(event.target);
  if (!here && !event.target.closest('#classify-image')) return;
  const items = [...event.dataTransfer.items].filter(({kind}) => kind === 'file');
  const entries = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  if (!here && entries.length < 2 && !entries[0]?.isDirectory) return;
  event.preventDefault();
  event.stopPropagation();
  const files = (await Promise.all(entries.map(filesOf))).flat();
  send(files.filter(({name}) => !name.startsWith('.')));
}, true);
