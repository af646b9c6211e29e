const listeners = new Set<(path: string) => void>();

export function navigate(path: string): void {
  window.history.pushState(null, '', path);
  for (const listener of listeners) listener(path);
}

export function onNavigate(listener: (path: string) => void): () => void {
  const back = () => listener(window.location.pathname);
  listeners.add(listener);
  window.addEventListener('popstate', back);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', back);
  };
}
