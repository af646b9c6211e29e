import { supabase } from '@/lib/supabase';

const base = import.meta.env.VITE_BACKEND_URL ?? 'http://localhost:3001';

type Options = { method?: string; body?: unknown };

/** Calls the backend as the signed-in user. */
export async function api<T>(path: string, { method = 'GET', body }: Options = {}): Promise<T> {
  const { data } = await supabase.auth.getSession();
  const held = localStorage.getItem('org_id');
  const response = await fetch(`${base}${path}`, {
    method,
    headers: {
      'Content-Type': 'application/json',
      Authorization: `Bearer ${data.session?.access_token ?? ''}`,
      ...(held ? { 'X-Org-Id': held } : {}),
    },
    body: body === undefined ? null : JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.status === 204 ? (undefined as T) : response.json();
}
