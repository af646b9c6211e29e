import { type FormEvent, useState } from 'react';
import { useAuth } from '@/contexts/AuthContext';

export default function LoginPage() {
  const { signIn } = useAuth();
  const [problem, setProblem] = useState<string | null>(null);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setProblem(await signIn(String(form.get('email')), String(form.get('password'))));
  }

  return (
    <main className="mx-auto mt-24 max-w-sm rounded-lg border border-gray-200 p-6">
      <h1 className="mb-4 text-xl font-semibold">Sign in</h1>
      <form onSubmit={submit} className="flex flex-col gap-3">
        <label className="flex flex-col text-sm">
          Email
          <input name="email" type="email" required autoComplete="username" className="rounded border border-gray-300 px-3 py-2" />
        </label>
        <label className="flex flex-col text-sm">
          Password
          <input name="password" type="password" required autoComplete="current-password" className="rounded border border-gray-300 px-3 py-2" />
        </label>
        {problem && <p role="alert" className="text-sm text-red-600">{problem}</p>}
        <button type="submit" className="rounded bg-blue-600 px-4 py-2 text-white">Sign in</button>
      </form>
    </main>
  );
}
