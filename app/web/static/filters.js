// Filters of a list, kept in the address so that it can be sent to somebody.

const TYPING = 300;

// form: its named fields are the filters; changed: called with the URLSearchParams of those that are set.
export function filters(form, changed) {
  const fields = [...form.elements].filter((field) => field.name);
  const read = () => new URLSearchParams(fields.filter((field) => field.value.trim() && field.validity.valid).map((field) => [field.name, field.value.trim()]));

  function fill() {
    const asked = new URLSearchParams(location.search);
    for (const field of fields) {
      const value = asked.get(field.name) ?? "";
      if (field.tagName === "SELECT" && value && ![...field.options].some((option) => option.value === value)) field.append(new Option(value, value));
      field.value = value;
    }
  }

  let waiting = null;
  let last = null;
  function apply() {
    clearTimeout(waiting);
    const asked = read();
    if (asked.toString() === last) return;
    last = asked.toString();
    history.replaceState(null, "", last ? `?${last}` : location.pathname);
    changed(asked);
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    apply();
  });
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, event.target.tagName === "INPUT" ? TYPING : 0);
  });
  form.addEventListener("reset", (event) => {
    event.preventDefault();
    for (const field of fields) field.value = "";
    apply();
  });
  fill();
  apply();
}
