import { type FormEvent, useState } from 'react';
import { api } from '@/lib/api';
import { toast } from '@/lib/toast';

export function InviteForm() {
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    try {
      await api('/api/settings/members', { method: 'POST', body: { userId: form.get('userId'), role: form.get('role') } });
      toast.success('Member added');
    } catch {
      toast.error('The member was not added');
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={submit} className="flex items-end gap-3">
      <label className="flex flex-col text-sm">
        User
        <input name="userId" required className="rounded border border-gray-300 px-3 py-2" />
      </label>
      <label className="flex flex-col text-sm">
        Role
        <select name="role" className="rounded border border-gray-300 px-3 py-2">
          <option value="admin">Admin</option>
          <option value="member">Member</option>
          <option value="viewer">Viewer</option>
        </select>
      </label>
      <button type="submit" disabled={busy} className="rounded bg-blue-600 px-4 py-2 text-white disabled:opacity-50">
        Add
      </button>
    </form>
  );
}
