import { afterEach, describe, expect, it } from 'vitest';
import { type SmallApp, smallApp } from '../small-app.ts';

const steps = ['2.1', '2.2', '2.3', '3.1', '3.2', '3.3', '4.1', '4.2'] as const;

const common = {
  'package.json': JSON.stringify({
    name: 'app',
    dependencies: { react: '19', vite: '7', '@supabase/supabase-js': '2', tailwindcss: '4' },
    devDependencies: { typescript: '5' },
  }),
  'tsconfig.json':
    '{"compilerOptions":{"strict":true,"noEmit":true,"jsx":"react-jsx","module":"esnext","moduleResolution":"bundler","target":"es2022","lib":["es2022","dom"],"skipLibCheck":true,"types":["vite/client"],"paths":{"@/*":["./src/*"]}},"include":["src"]}',
  'src/lib/supabase.ts': `import { createClient } from '@supabase/supabase-js';\nexport const supabase = createClient(import.meta.env.VITE_SUPABASE_URL, import.meta.env.VITE_SUPABASE_ANON_KEY);\n`,
  'src/pages/SettingsPage.tsx': `export default function SettingsPage() {\n  return (\n    <main>\n      <h1>Settings</h1>\n    </main>\n  );\n}\n`,
};

/** As shadcn/ui writes them into an app. */
const shadcn = {
  'components.json': '{"aliases":{"components":"@/components","ui":"@/components/ui"}}',
  'src/components/ui/button.tsx': `import * as React from 'react';
type ButtonProps = React.ComponentProps<'button'> & { variant?: 'default' | 'ghost'; asChild?: boolean };
function Button({ className, variant, asChild = false, ...props }: ButtonProps) {
  return <button data-variant={variant} className={className} {...props} />;
}
export { Button };
`,
  'src/components/ui/input.tsx': `import * as React from 'react';
const Input = React.forwardRef<HTMLInputElement, React.InputHTMLAttributes<HTMLInputElement>>(({ className, type, ...props }, ref) => (
  <input type={type} className={className} ref={ref} {...props} />
));
Input.displayName = 'Input';
export { Input };
`,
  'src/components/ui/label.tsx': `import * as React from 'react';
export function Label({ className, ...props }: React.ComponentProps<'label'>) {
  return <label className={className} {...props} />;
}
`,
  'src/components/ui/card.tsx': `import * as React from 'react';
function Card({ className, ...props }: React.ComponentProps<'div'>) {
  return <div data-slot="card" className={className} {...props} />;
}
function CardHeader({ className, ...props }: React.ComponentProps<'div'>) {
  return <div className={className} {...props} />;
}
function CardTitle({ className, ...props }: React.ComponentProps<'div'>) {
  return <div className={className} {...props} />;
}
function CardContent({ className, ...props }: React.ComponentProps<'div'>) {
  return <div className={className} {...props} />;
}
export { Card, CardHeader, CardTitle, CardContent };
`,
  'src/components/note.tsx': `export const Note = () => <p className="text-muted-foreground">Note</p>;\n`,
};

/** Components of another making: a button that wants a tone, a field that gives its value and not an event. */
const others = {
  'src/shared/Button.tsx': `import type { ReactNode } from 'react';
interface Props {
  tone: 'primary' | 'quiet';
  label: ReactNode;
  onPress(): void;
}
export function Button({ tone, label, onPress }: Props) {
  return <button type="button" data-tone={tone} onClick={onPress}>{label}</button>;
}
`,
  'src/shared/TextField.tsx': `export function Input({ value, onChange, ...rest }: { value: string; onChange: (value: string) => void; name?: string }) {
  return <input value={value} onChange={(event) => onChange(event.target.value)} {...rest} />;
}
`,
};

let app: SmallApp;
afterEach(() => app.remove());

const formOf = async (files: Readonly<Record<string, string>>, types = true) => {
  app = await smallApp({ ...common, ...files }, { renames: [] }, { types });
  expect(await app.run(...steps)).toEqual([]);
  if (types) expect(app.checks.get('4.2/types/root')?.observed).toBe('0 errors before, 0 now, 0 new');
  return app.read('src/components/settings/OrganizationForm.tsx');
};

describe('the settings form', () => {
  it('is built of the components that the app has, by its own alias, and colored as they are', async () => {
    const text = await formOf(shadcn);
    expect(text.match(/import \{.*\} from '@\/components\/ui\/.*/g)).toEqual([
      "import { Button } from '@/components/ui/button';",
      "import { Card, CardContent, CardHeader, CardTitle } from '@/components/ui/card';",
      "import { Input } from '@/components/ui/input';",
      "import { Label } from '@/components/ui/label';",
    ]);
    expect(text).toContain('<CardTitle>\n          <h2>Organization</h2>\n        </CardTitle>');
    expect(text).not.toMatch(/<(?:button|input|label|section)\b|gray|red-700|blue|#if/);
    expect(text).toMatch(/<Input\n\s+id=/);
    expect(app.notes.join('\n')).toContain(
      'The form is built of the components of the app: src/components/ui/button.tsx',
    );
    expect(await app.again(...steps)).toBe(0);
    expect(await app.undo()).toEqual([]);
  });

  it('keeps to plain elements where a component wants more than its element, or gives its value in another way', async () => {
    const text = await formOf(others);
    expect(text).not.toMatch(/shared\/|<(?:Button|Input|Label|Card)\b/);
    expect(text).toMatch(/<button\n\s+type="submit"/);
    expect(text).toContain('<section className="rounded-lg border border-gray-200 p-4" aria-busy={busy}>');
  });

  it('takes the one of two buttons that most of the app uses', async () => {
    const button = `export function Button(props: React.ButtonHTMLAttributes<HTMLButtonElement>) {\n  return <button {...props} />;\n}\n`;
    const use = `import { Button } from './forms/button';\nexport const A = () => <Button>a</Button>;\n`;
    const both = { 'src/components/ui/button.tsx': button, 'src/forms/button.tsx': button, 'src/a.tsx': use };
    const text = await formOf(both, false);
    expect(text).toContain("import { Button } from '@/forms/button';");
    expect(text).toContain('<Button type="submit"');
    expect(text).toContain('<input');
  });
});
