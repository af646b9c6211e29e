import { useEffect, useState } from 'react';

type Toast = { id: number; kind: 'success' | 'error'; text: string };

let next = 1;
let show: (toast: Toast) => void = () => undefined;

export const toast = {
  success: (text: string) => show({ id: next++, kind: 'success', text }),
  error: (text: string) => show({ id: next++, kind: 'error', text }),
};

export function Toaster() {
  const [toasts, setToasts] = useState<Toast[]>([]);
  useEffect(() => {
    show = (added) => {
      setToasts((held) => [...held, added]);
      setTimeout(() => setToasts((held) => held.filter(({ id }) => id !== added.id)), 4000);
    };
    return () => {
      show = () => undefined;
    };
  }, []);
  return (
    <div className="fixed bottom-4 right-4 flex flex-col gap-2" role="status">
      {toasts.map(({ id, kind, text }) => (
        <p key={id} className={`rounded px-4 py-2 text-white ${kind === 'error' ? 'bg-red-600' : 'bg-emerald-600'}`}>
          {text}
        </p>
      ))}
    </div>
  );
}
