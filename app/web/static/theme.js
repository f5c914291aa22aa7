// Light or dark, as chosen before; read before the first paint, hence a plain script in the head.
try {
  const theme = localStorage.getItem("erlangen.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that keeps nothing follows the system.
}
