// Says in the card that a question failed on its way, as where the queue is full, until the next one is answered:
// Gradio says so for a moment, and leaves what was answered earlier as it stands.
const t = (text) => text;
const sentence = Object.assign(document.createElement('p'), {className: 'hint'});
sentence.setAttribute('role', 'alert');
sentence.textContent = t('The newest question was not answered: too much is asked just now, or the server could not answer. Click Classify again.');
document.addEventListener('unanswered', () => element.prepend(sentence));
document.addEventListener('answered', () => sentence.remove());
