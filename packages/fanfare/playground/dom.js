export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** Makes an element. Children that are strings stay text, whatever they hold. */
export function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** Tabs as in the ARIA practices: one is in the tab order, arrows move between them. */
export function makeTabs(list) {
  const tabs = [...list.querySelectorAll('[role=tab]')];
  const choose = (chosen) => {
    for (const tab of tabs) {
      const on = tab === chosen;
      tab.setAttribute('aria-selected', String(on));
      tab.tabIndex = on ? 0 : -1;
      byId(tab.getAttribute('aria-controls')).hidden = !on;
    }
  };
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  for (const [index, tab] of tabs.entries()) {
    tab.addEventListener('click', () => choose(tab));
    tab.addEventListener('keydown', (event) => {
      const step = steps[event.key];
      if (step === undefined) return;
      event.preventDefault();
      const next = tabs[(index + step + tabs.length) % tabs.length];
      choose(next);
      next.focus();
    });
  }
  choose(tabs[0]);
}

/** What is typed into a data field: its text, and the value the text is JSON of, if it is. */
export function readData(textarea) {
  const text = textarea.value;
  try {
    return { text, json: true, value: JSON.parse(text) };
  } catch {
    return { text, json: false, value: text };
  }
}

/** Says below a data field whether it is JSON, and sends its form on Ctrl+Enter. */
export function watchData(textarea, hint) {
  const check = () => {
    const { json } = readData(textarea);
    hint.textContent = json ? 'JSON' : 'not JSON: goes out as plain text';
    hint.dataset.state = json ? 'good' : 'warn';
  };
  textarea.addEventListener('input', check);
  textarea.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    textarea.form.requestSubmit();
  });
  check();
}
