import { useEffect, useState } from 'react';
import { useAuth } from '@/contexts/AuthContext';
import { supabase } from '@/lib/supabase';

/** The organization of the signed-in user. */
export function useOrg() {
  const { user } = useAuth();
  const [orgId, setOrgId] = useState<string | null>(() => localStorage.getItem('org_id'));
  const [loading, setLoading] = useState(true);

  useEffect(() => {
    if (!user) return;
    const known = user.app_metadata?.org_id ?? sessionStorage.getItem('currentTenant');
    if (known) {
      setOrgId(known);
      setLoading(false);
      return;
    }
    supabase
      .from('profiles')
      .select('organization_id')
      .eq('id', user.id)
      .maybeSingle()
      .then(({ data }) => {
        if (data?.organization_id) {
          sessionStorage.setItem('currentTenant', data.organization_id);
          setOrgId(data.organization_id);
        }
        setLoading(false);
      });
  }, [user]);

  return { orgId: orgId ?? 'default', loading };
}
