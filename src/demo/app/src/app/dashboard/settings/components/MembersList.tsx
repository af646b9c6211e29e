import { useEffect, useState } from 'react';
import { useOrg } from '@/hooks/useOrg';
import { api } from '@/lib/api';

type Member = { user_id: string; role: string };

export function MembersList() {
  const { orgId } = useOrg();
  const [members, setMembers] = useState<Member[]>([]);

  useEffect(() => {
    api<{ members: Member[] }>(`/api/dashboard/members/${orgId}`).then((answer) => setMembers(answer.members));
  }, [orgId]);

  return (
    <div className="rounded-lg border border-gray-200 p-4">
      <h2 className="mb-2 font-medium">Members</h2>
      {/* TODO: organization name and address go here. */}
      <p className="mb-2 text-sm text-gray-400">Organization profile: coming soon</p>
      <ul>
        {members.map((member) => (
          <li key={member.user_id}>{member.role}</li>
        ))}
      </ul>
    </div>
  );
}

type Person = { user_id: string; role: string; writes: boolean };

/** Who may only look. */
export function Readers() {
  const [people, setPeople] = useState<Person[]>([]);

  useEffect(() => {
    api<Person[]>('/api/settings/people').then(setPeople, () => setPeople([]));
  }, []);

  return (
    <ul className="text-sm">
      {people.map((person) => (
        <li key={person.user_id}>
          {person.role}: {person.writes ? 'reads and writes' : 'reads'}
        </li>
      ))}
    </ul>
  );
}
