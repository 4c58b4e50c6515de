// Runs before the first paint, so that a chosen theme does not flash; a file of its own because the policy refuses inline scripts.
try {
  const theme = localStorage.getItem('headrace.theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's preference holds.
}
