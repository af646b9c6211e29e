import type { Session, User } from '@supabase/supabase-js';
import { createContext, type ReactNode, useContext, useEffect, useState } from 'react';
import { clearCaches } from '@/lib/cache';
import { navigate } from '@/lib/navigation';
import { supabase } from '@/lib/supabase';

type Auth = {
  user: User | null;
  session: Session | null;
  loading: boolean;
  signIn: (email: string, password: string) => Promise<string | null>;
  signOut: () => Promise<void>;
};

const AuthContext = createContext<Auth | null>(null);

const storageKey = 'org_id';

export function AuthProvider({ children }: { children: ReactNode }) {
  const [session, setSession] = useState<Session | null>(null);
  const [loading, setLoading] = useState(true);

  useEffect(() => {
    supabase.auth.getSession().then(({ data }) => {
      remember(data.session);
      setSession(data.session);
      setLoading(false);
    });
    const { data } = supabase.auth.onAuthStateChange((_event, changed) => {
      remember(changed);
      setSession(changed);
    });
    return () => data.subscription.unsubscribe();
  }, []);

  async function signIn(email: string, password: string): Promise<string | null> {
    const { error } = await supabase.auth.signInWithPassword({ email, password });
    if (error) return error.message;
    navigate('/dashboard');
    return null;
  }

  async function signOut() {
    await supabase.auth.signOut();
    clearCaches();
    navigate('/login');
  }

  return (
    <AuthContext.Provider value={{ user: session?.user ?? null, session, loading, signIn, signOut }}>
      {children}
    </AuthContext.Provider>
  );
}

/** Keeps the organization for requests that are made before the session is there. */
function remember(session: Session | null) {
  const org = session?.user.app_metadata.org_id ?? session?.user.user_metadata.org_id;
  if (org) localStorage.setItem(storageKey, org);
}

export function useAuth(): Auth {
  const auth = useContext(AuthContext);
  if (!auth) throw new Error('useAuth outside of AuthProvider');
  return auth;
}
