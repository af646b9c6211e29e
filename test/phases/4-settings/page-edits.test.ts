import { describe, expect, it } from 'vitest';
import { showForm } from '../../../phases/4-settings/page-edits.ts';

describe('a settings page', () => {
  it('gets a tab where it has a list of tabs', async () => {
    const text = `type Tab = 'team' | 'alerts';
const tabs: { id: Tab; title: string }[] = [
  { id: 'team', title: 'Team' },
  { id: 'alerts', title: 'Alerts' },
];
export default function Page() {
  return (
    <div>
      {tab === 'team' && <Team />}
      {tab === 'alerts' && <Alerts />}
    </div>
  );
}
`;
    const shown = await showForm('src/settings/page.tsx', text, [], 'OrganizationForm');
    expect(shown).toContain(`type Tab = 'team' | 'alerts' | 'organization';`);
    expect(shown).toContain(`{ id: 'alerts', title: 'Alerts' },\n  { id: 'organization', title: 'Organization' },`);
    expect(shown).toContain(`{tab === 'alerts' && <Alerts />}\n      {tab === 'organization' && <OrganizationForm />}`);
  });

  it('shows the form last where it has no tabs', async () => {
    const text = `export default function Page() {\n  return (\n    <main>\n      <Team />\n    </main>\n  );\n}\n`;
    expect(await showForm('src/settings/page.tsx', text, [], 'OrganizationForm')).toBe(
      text.replace('<Team />\n', '<Team />\n      <OrganizationForm />\n'),
    );
  });

  it('is left alone where its shape is not known', async () => {
    expect(await showForm('src/settings/page.tsx', 'export default Page;\n', [], 'OrganizationForm')).toBeNull();
  });
});
