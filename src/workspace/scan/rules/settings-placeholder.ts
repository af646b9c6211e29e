import type { Rule } from '../rule.ts';
import { isSettingsFile } from '../settings-files.ts';
import type { SyntaxNode } from '../syntax.ts';
import { vocabulary } from '../vocabulary.ts';
import { formAndApi } from './settings-placeholder-across.ts';

/** What such a page calls the organization: usual words, and those of the app. */
const about = {
  test: (text: string): boolean =>
    /\b(?:organi[sz]ations?|company|business|workspace|team|account|tenant)\b/i.test(text) ||
    new RegExp(`\\b(?:${vocabulary().word})s?\\b`, 'i').test(text),
};
const later =
  /\bcoming soon\b|\bnot (?:yet )?(?:available|editable|implemented|supported)\b|\b(?:contact|ask|write to|email|reach out to)\b.{0,40}\b(?:us|support|admin(?:istrator)?|team)\b|\b(?:is|are) (?:managed|handled|maintained|set|configured) by\b|\bcannot be (?:changed|edited)\b|\bunder construction\b|\bplaceholder\b|\bTBD\b|\bwork in progress\b|\bmulti-?tenant\b/i;
const moved = /^\s*(?:note|info|heads up)\b\s*:?|\bhas moved to\b/i;

/**
 * The settings page says something about the organization instead of letting its people change it. Looks at static text
 * of settings pages and their components only; the roles that a form offers are compared with the API across files.
 */
export const settingsPlaceholder: Rule = {
  kind: 'settings-placeholder',
  seeds: (context) =>
    isSettingsFile(context.source.path) ? /(?=[^\s<>{};])(?<=[>}]\s*)[^<>{};]+(?=[<{])|\bexport\s+default\b/g : null,
  *check(node) {
    if (node.kind === 'export_statement') {
      if (
        !isSettingsPage(node.source.path) ||
        about.test(wordsShown(node.source.text)) ||
        /\borg/i.test(node.source.text)
      )
        return;
      yield {
        node: node.childOfKind('function_declaration')?.child(0) ?? node,
        reason: 'The settings page has nothing by which the organization can be seen or changed.',
        certainty: 'likely',
        instruction: 'Show the organization settings form on it, for instance as a tab.',
      };
      return;
    }
    const text = node.kind === 'jsx_text' ? node : (node.children.find((child) => child.kind === 'jsx_text') ?? null);
    if (text === null) return;
    const element = sentenceAround(text);
    const sentence = plainText(element);
    const isLater = later.test(sentence) && about.test(sentence) && !elsewhere.test(sentence);
    // A note that fills a whole tab leaves the tab without a form.
    const isNote = moved.test(sentence) && onlyStatic(branchAround(element));
    if (!isLater && !isNote) return;
    yield {
      node: element,
      reason: isLater
        ? 'The settings page shows a fixed text where the organization could be edited.'
        : 'A tab of the settings page holds a fixed note and nothing that can be set.',
      certainty: isLater ? 'certain' : 'likely',
      instruction: 'Put the organization settings form in its place.',
    };
  },
  across: formAndApi,
  examples: {
    finds: [
      {
        path: 'src/app/settings/page.tsx',
        code: `import { TeamList } from './team';\nexport default function SettingsPage() { return <TeamList />; }`,
      },
      {
        path: 'src/app/settings/page.tsx',
        code: `export default () => <p className="x">Organization settings are managed by our support team. Write to us to change them.</p>;`,
      },
      {
        path: 'src/pages/settings.tsx',
        code: `export default () => <div><p>Organization profile: coming soon</p></div>;`,
      },
      {
        path: 'src/app/settings/page.tsx',
        code: `export default () => <div>{tab === 'a' ? (<div><p><strong>Note:</strong> Integrations have moved to the <a href="/i">Integrations</a> page.</p></div>) : <Team />}</div>;`,
      },
    ],
    leaves: [
      {
        path: 'src/app/settings/page.tsx',
        code: `import { OrganizationForm } from './form';\nexport default function Page() { return <OrganizationForm />; }`,
      },
      { path: 'src/app/settings/components/list.tsx', code: `export default function List() { return <ul />; }` },
      {
        path: 'src/app/(main)/inbox/settings/page.tsx',
        code: `import { Blocklist } from './blocklist';\nexport default function Page() { return <Blocklist />; }`,
      },
      {
        path: 'pages/rooms/[id]/settings/index.tsx',
        code: `import { Rooms } from './rooms';\nexport default function Page() { return <Rooms />; }`,
      },
      {
        path: 'src/app/settings/security/part.tsx',
        code: `export default () => <p>SSO is not yet enabled for your team. Please contact support to enable it.</p>;`,
      },
      { path: 'src/app/login/page.tsx', code: `export default () => <p>Contact your organization's admin.</p>;` },
      {
        path: 'src/app/settings/part.tsx',
        code: `export default () => <p>Telephony is {on ? 'connected' : 'not connected'}.</p>;`,
      },
      {
        path: 'src/app/settings/part.tsx',
        code: `export default () => <p>Configure your account, team, and integrations</p>;`,
      },
      {
        path: 'src/app/settings/part.tsx',
        code: `export default () => <div>{tab === 'a' ? (<div><p>Note: names are public.</p><input name="org" /></div>) : null}</div>;`,
      },
    ],
  },
};

/** What else support does for an organization, which no form of its settings would change. */
const elsewhere = /\b(?:SSO|SAML|SCIM|plan|upgrade|billing|invoices?|subscription|delet\w+|cancel\w*|2FA|beta)\b/i;

/** Folders that say where in an app a page is, and not what it sets. */
const around =
  /^(?:src|apps?|pages|views|screens|routes|web|client|frontend|dashboard|home|main|protected|private|authenticated|auth|console|portal|admin|account|me|my|workspaces?|orgs?|organi[sz]ations?|tenants?|teams?|compan(?:y|ies)|businesses?|packages|components|features|modules)$/i;

/** `inbox/settings` and `rooms/[id]/settings` set something of the app; the settings of the organization lie nearer the top. */
function setsOneThing(path: string): boolean {
  const folders = path.split('/').slice(0, -1);
  const top = Math.max(folders.lastIndexOf('app'), folders.lastIndexOf('pages'), folders.lastIndexOf('src'), 0);
  const before = folders.slice(top, Math.max(top, folders.lastIndexOf('settings')));
  return before.some(
    (folder) =>
      !/^[([@$]/.test(folder) && !around.test(folder) && !new RegExp(`^(?:${vocabulary().word})s?$`, 'i').test(folder),
  );
}

/** The page itself, not one of its parts. */
function isSettingsPage(path: string): boolean {
  if (setsOneThing(path)) return false;
  return /(?:^|\/)settings\/(?:page|index)\.[jt]sx$|(?:^|\/)(?:pages|views|screens)\/(?:\w+\/)*[sS]ettings(?:Page)?\.[jt]sx$|(?:^|\/)SettingsPage\.[jt]sx$/.test(
    path,
  );
}

/** The names of imported parts, where a form for the organization would show itself. */
function wordsShown(text: string): string {
  return [...text.matchAll(/^\s*import\b.*$/gm)]
    .map((match) => match[0].replace(/([a-z])([A-Z])/g, '$1 $2'))
    .join(' ')
    .replace(/\b(?:team|account)\b/gi, '');
}

/** The paragraph that a text stands in: links and emphasis belong to the sentence. */
function sentenceAround(text: SyntaxNode): SyntaxNode {
  let at = text.parent ?? text;
  while (at.parent?.kind === 'jsx_element' && /^<(?:a|strong|b|em|i|span|code|Link|small)[\s>]/.test(at.text))
    at = at.parent;
  return at;
}

function plainText(element: SyntaxNode): string {
  return element.text
    .replace(/\{\/\*[\s\S]*?\*\/\}/g, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** What one condition of the page shows. */
function branchAround(element: SyntaxNode): SyntaxNode {
  let at = element;
  while (at.parent !== null && /^(?:jsx_element|jsx_fragment|parenthesized_expression)$/.test(at.parent.kind))
    at = at.parent;
  return at;
}

/** No field, no component, no expression, and only a branch of a page rather than all of it. */
function onlyStatic(branch: SyntaxNode): boolean {
  if (!/^(?:ternary_expression|binary_expression)$/.test(branch.parent?.kind ?? '')) return false;
  return !/<(?:input|select|textarea|form|button|[A-Z](?!ink\b)\w*)[\s/>]/.test(branch.text);
}
