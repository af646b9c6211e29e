// #if client
'use client';

// #endif
import { type FormEvent, type ReactNode, useEffect, useId, useState } from 'react';
// #if typed
import type { SupabaseClient } from '@supabase/supabase-js';
// #endif
__HOOK_IMPORT__
// #if toast
__TOAST_IMPORT__
// #endif
__CLIENT_IMPORT__
// #if components
__COMPONENT_IMPORTS__
// #endif
// #if typed

// The generated types may lag behind the database; row security decides either way.
const db = __CLIENT__ as unknown as SupabaseClient;
// #endif

type Field = { name: string; label: string; type: 'text' | 'email' | 'tel' | 'url'; required: boolean };
type Values = Record<string, string>;

const fields: Field[] = [
__FIELDS__
];
/** Roles that may change the organization; everybody else of it sees the values. */
const managers = [__MANAGERS__];
const longest = 200;

/** The settings of the organization of whoever is signed in. Row security lets nobody read or save another one. */
export function OrganizationForm() {
  __HOOK_LINES__
  const [saved, setSaved] = useState<Values | null>(null);
  const [values, setValues] = useState<Values>({});
  const [editable, setEditable] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [errors, setErrors] = useState<Values>({});
  const [status, setStatus] = useState<'idle' | 'saving' | 'saved'>('idle');
  const prefix = useId();

  useEffect(() => {
    if (!orgId) return;
    let current = true;
    setSaved(null);
    setProblem(null);
    load(orgId).then(
      (answer) => {
        if (!current) return;
        setSaved(answer.values);
        setValues(answer.values);
        setEditable(answer.editable);
      },
      (error: unknown) => {
        if (current) setProblem(messageOf(error, 'The __NOUN__ could not be loaded.'));
      },
    );
    return () => {
      current = false;
    };
  }, [orgId]);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    if (!orgId || !editable || status === 'saving') return;
    const trimmed = Object.fromEntries(fields.map(({ name }) => [name, (values[name] ?? '').trim()]));
    const found = validate(trimmed);
    setErrors(found);
    const first = fields.find(({ name }) => found[name]);
    if (first) {
      document.getElementById(`${prefix}-${first.name}`)?.focus();
      return;
    }
    setStatus('saving');
    setProblem(null);
    try {
      await save(orgId, trimmed);
      setSaved(trimmed);
      setValues(trimmed);
      setStatus('saved');
      // #if toast
      toast.success('__TITLE__ saved');
      // #endif
    } catch (error) {
      setStatus('idle');
      setProblem(messageOf(error, 'The __NOUN__ could not be saved.'));
      // #if toast
      toast.error('The __NOUN__ was not saved');
      // #endif
    }
  }

  if (orgLoading || (orgId && !saved && !problem)) {
    return (
      <Panel busy>
        <p role="status" className="text-sm __MUTED__">
          Loading…
        </p>
      </Panel>
    );
  }
  if (!orgId || !saved) {
    return (
      <Panel>
        <p role="alert" className="text-sm __ALARM__">
          {problem ?? 'You belong to no __NOUN__ yet.'}
        </p>
      </Panel>
    );
  }
  const changed = fields.some(({ name }) => (values[name] ?? '').trim() !== (saved[name] ?? ''));
  return (
    <Panel>
      <form onSubmit={submit} noValidate className="flex max-w-lg flex-col gap-4">
        {fields.map(({ name, label, type, required }) => (
          <div key={name} className="grid gap-2">
            // #if label
            <Label htmlFor={`${prefix}-${name}`}>{label}</Label>
            // #else
            <label htmlFor={`${prefix}-${name}`} className="block text-sm font-medium">
              {label}
            </label>
            // #endif
            // #if input
            <Input
            // #else
            <input
            // #endif
              id={`${prefix}-${name}`}
              name={name}
              type={type}
              value={values[name] ?? ''}
              required={required}
              maxLength={longest}
              readOnly={!editable}
              disabled={status === 'saving'}
              aria-invalid={errors[name] ? true : undefined}
              aria-describedby={errors[name] ? `${prefix}-${name}-error` : undefined}
              onChange={(event) => {
                setValues({ ...values, [name]: event.target.value });
                setErrors({ ...errors, [name]: '' });
                setStatus('idle');
              }}
              // #if !input
              className="w-full rounded border border-gray-300 px-3 py-2 read-only:bg-gray-50 disabled:opacity-50"
              // #endif
            />
            {errors[name] ? (
              <p id={`${prefix}-${name}-error`} className="text-sm __ALARM__">
                {errors[name]}
              </p>
            ) : null}
          </div>
        ))}
        {problem ? (
          <p role="alert" className="text-sm __ALARM__">
            {problem}
          </p>
        ) : null}
        {editable ? (
          <div className="flex items-center gap-3">
            // #if button
            <Button type="submit" disabled={status === 'saving' || !changed}>
              {status === 'saving' ? 'Saving…' : 'Save'}
            </Button>
            // #else
            <button
              type="submit"
              disabled={status === 'saving' || !changed}
              className="rounded bg-blue-600 px-4 py-2 text-white disabled:opacity-50"
            >
              {status === 'saving' ? 'Saving…' : 'Save'}
            </button>
            // #endif
            <p role="status" className="text-sm __MUTED__">
              {status === 'saved' && !changed ? 'Saved' : ''}
            </p>
          </div>
        ) : (
          <p className="text-sm __MUTED__">Only these roles can change the __NOUN__: {managers.join(', ')}.</p>
        )}
      </form>
    </Panel>
  );
}

function Panel({ busy, children }: { busy?: boolean; children: ReactNode }) {
  return (
    // #if card
    <Card aria-busy={busy}>
      <CardHeader>
        // #if titled
        <CardTitle>__TITLE__</CardTitle>
        // #else
        <CardTitle>
          <h2>__TITLE__</h2>
        </CardTitle>
        // #endif
      </CardHeader>
      <CardContent>{children}</CardContent>
    </Card>
    // #else
    <section className="rounded-lg border __BORDER__ p-4" aria-busy={busy}>
      <h2 className="mb-4 text-lg font-medium">__TITLE__</h2>
      {children}
    </section>
    // #endif
  );
}

async function load(orgId: string): Promise<{ values: Values; editable: boolean }> {
  const { data, error } = await __DB__
    .from('__ORGANIZATIONS__')
    .select('__COLUMNS__')
    .eq('__KEY__', orgId)
    .maybeSingle();
  if (error) throw error;
  if (!data) throw new Error('Your __NOUN__ was not found.');
  const row = data as unknown as Record<string, unknown>;
  const values = Object.fromEntries(fields.map(({ name }) => [name, typeof row[name] === 'string' ? (row[name] as string) : '']));
  return { values, editable: await mayEdit(orgId) };
}

async function mayEdit(orgId: string): Promise<boolean> {
  // #if memberships
  const { data: session } = await __DB__.auth.getSession();
  const userId = session.session?.user.id;
  if (!userId) return false;
  const { data, error } = await __DB__
    .from('__MEMBERSHIPS__')
    .select('__ROLE__')
    .eq('__MEMBERSHIPS_USER__', userId)
    .eq('__MEMBERSHIPS_ORG__', orgId);
  if (error) throw error;
  const rows = (data ?? []) as unknown as Record<string, unknown>[];
  return rows.some((row) => managers.includes(String(row.__ROLE__)));
  // #else
  return orgId !== '';
  // #endif
}

async function save(orgId: string, values: Values): Promise<void> {
  const row = Object.fromEntries(fields.map(({ name, required }) => [name, values[name] || (required ? '' : null)]));
  const { data, error } = await __DB__.from('__ORGANIZATIONS__').update(row).eq('__KEY__', orgId).select('__KEY__');
  if (error) throw error;
  // Row security does not refuse an update: it finds no row.
  if ((data ?? []).length === 0) throw new Error('Your role does not allow this.');
}

function validate(values: Values): Values {
  const found: Values = {};
  for (const { name, label, type, required } of fields) {
    const value = values[name] ?? '';
    if (required && value === '') found[name] = `${label} is required.`;
    else if (value.length > longest) found[name] = `${label} may have ${longest} characters at most.`;
    else if (type === 'email' && value !== '' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(value)) found[name] = `${label} is not an email address.`;
    else if (type === 'url' && value !== '' && !/^https?:\/\/[^\s.]+\.[^\s]+$/i.test(value)) found[name] = `${label} has to start with https://.`;
  }
  return found;
}

function messageOf(error: unknown, otherwise: string): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === '42501') return 'Your role does not allow this.';
  if (code === '23505') return 'Another __NOUN__ uses this already.';
  return error instanceof Error && error.message.startsWith('Your ') ? error.message : otherwise;
}
