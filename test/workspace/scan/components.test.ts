import { describe, expect, it } from 'vitest';
import { editSource } from '../../../src/workspace/edit.ts';
import { readComponent } from '../../../src/workspace/scan/components.ts';
import { scanText } from '../../../src/workspace/scan/one-file.ts';
import { Source } from '../../../src/workspace/scan/syntax.ts';
import { workspaceOf } from './workspace.ts';

const renames = [
  { table: 'notes', from: 'tenant_id', to: 'org_id' },
  { table: 'invoices', from: 'tenant_id', to: 'org_id' },
];

async function mended(path: string, text: string): Promise<string> {
  const findings = (await scanText(workspaceOf(), path, text, { renames })).filter((one) => one.kind === 'old-column');
  return editSource(
    path,
    text,
    findings.flatMap((one) => one.fix?.edits ?? []),
  );
}

const vue = `<script setup lang="ts">
import { ref } from 'vue'
import { supabase } from './supabase'
const { data: notes } = await supabase.from('notes').select('id, tenant_id').eq('tenant_id', props.org)
const count = ref<number>(0)
</script>

<template>
  <!-- {{ tenant_id }} & more -->
  <ul title="it's tenant_id" v-if="a && b"><li v-for="(note, i) in notes" :key="note.id" @click="count = 1; open(note.tenant_id)">
    {{ note.tenant_id }}{{ i }} {{ other.tenant_id }} tenant_id
  </li></ul>
</template>
<style scoped>.tenant_id { color: red }</style>
`;

const svelte = `<script lang="ts">
  let { org }: { org: string } = $props();
  const { data: notes } = await supabase.from('notes').select().eq('tenant_id', org)
</script>
{#if notes && org}<h1 {...rest} class="a {org}" on:click={() => open({ id: 1 })}>{org}{notes.length}</h1>
{#each notes as note (note.id)}
  <p {org}>{note.tenant_id} it's {@html note.body}</p>{@const id = note.tenant_id}
{:else}none{/each}{/if}
{#each others as note}{note.tenant_id}{/each}
<style>p { color: red }</style>
`;

const astro = `---
import Layout from '../Layout.astro';
const { data: notes } = await supabase.from('notes').select('tenant_id');
if (!notes) return Astro.redirect('/');
---
<Layout title={\`of \${notes.length}\`}>
  <ul class="a">{notes.map((note) => <li data-id={note.id}>{note.tenant_id}</li>)}</ul>
  {/* tenant_id */}
</Layout>
<script>document.title = 'x'</script>
`;

/** Forms of templates that people write. */
const shapes: readonly (readonly [string, string])[] = [
  [
    'a.vue',
    `<script setup lang="ts" generic="T extends { id: string }">\nconst x = defineProps<{ a: T }>()\n</script>\n<template>\n<A v-if="a > 1 && b < 2" :style="{ color: x }" @click="() => { go(1); }" @input="(e) => go(e)"/>\n<B v-else-if="a" #item="{ row }" v-slot:x="p" v-model.trim="q"\n:class="[a, { b: c }]"\n@x="go"/>{{ a < b ? 'y' : x }}\n{{ \`t\${a}\` }}\n<p v-for="n in 10">{{ n }}</p><p v-for="({ id }, k, i) of xs" :key="id">{{ id }}</p><p v-bind="$attrs" v-html="z"></p></template>\n`,
  ],
  [
    'a.vue',
    `<template>\n  <div>{{ a }}</div>\n</template>\n<script>\nimport x from 'y'\nexport default { data() { return { a: 1 } } }\n</script>\n`,
  ],
  [
    'a.svelte',
    `<script context="module">export const a = 1;</script>\n<script>\nimport b from './b.svelte'\nlet c = $state([])\n$: d = c.length\n</script>\n<svelte:head><title>{a}</title></svelte:head>\n<input bind:value={c} on:input={(e) => { c = e; }} class:active={a === 1} style="x: {a}px; y: {c}" {...$$props}/>\n{#await load() then x}{x}{:catch e}{e.message}{/await}\n{#key c}{c}{/key}\n{#each Object.entries(c) as [k, v], i (k)}{k}{v}{#each v as w}{w.id}{/each}{/each}\n{#snippet row(a)}{a}{/snippet}{@render row(1)}\n{#if a}x{:else if c}y{:else}z{/if}\n<p>don't {a} {"{"} it's</p>`,
  ],
  [
    'a.svelte',
    `{#each [\n\t{ id: 'a', label: 'A' },\n\t{ id: 'b', label: 'B' }\n] as tab}\n<button on:click={() => (active = tab.id)}>{tab.label}</button>\n{/each}\n{#each\n  rows.filter(\n    (row) => row.id\n  )\n  as row,\n  i\n  (row.id)\n}{row.id}{i}{/each}`,
  ],
  [
    'a.astro',
    `---\nimport A from './A.astro';\nconst { x } = Astro.props as { x: string };\n---\n<!doctype html>\n<html lang="en"><A {x} {...x} title={x} />{x && <p class="b">{x}</p>}{items.map((i) => (\n <li>{i.a}</li>\n))}<p>don't</p><script is:inline>var a = 1</script><style>p{color:red}</style></html>`,
  ],
];

describe('component files', () => {
  it.each(shapes)('reads every form of %s without an error', (path, text) => {
    const source = new Source(path, text);
    expect([source.errorAt, source.text.length]).toEqual([null, text.length]);
  });

  it.each([
    ['src/A.vue', vue],
    ['src/A.svelte', svelte],
    ['src/a.astro', astro],
  ])('%s is one sound program, each character at its own place', (path, text) => {
    const { text: code, unread } = readComponent(path, text);
    expect(code.length).toBe(text.length);
    expect(code.split('\n').length).toBe(text.split('\n').length);
    expect(unread).toBeNull();
    const source = new Source(path, text);
    expect([path, source.errorAt, code.slice(source.errorAt ?? 0, (source.errorAt ?? 0) + 60)]).toEqual([
      path,
      null,
      code.slice(0, 60),
    ]);
  });

  it('renames in the script and in the template of a Vue file, and nothing else', async () => {
    expect(await mended('src/A.vue', vue)).toBe(
      vue
        .replace("select('id, tenant_id').eq('tenant_id'", "select('id, org_id').eq('org_id'")
        .replace('open(note.tenant_id)', 'open(note.org_id)')
        .replace('{{ note.tenant_id }}', '{{ note.org_id }}'),
    );
  });

  it('renames in a Svelte file, by the list that a name belongs to', async () => {
    expect(await mended('src/A.svelte', svelte)).toBe(
      svelte
        .replace("eq('tenant_id'", "eq('org_id'")
        .replace('{note.tenant_id} it', '{note.org_id} it')
        .replace('id = note.tenant_id', 'id = note.org_id'),
    );
  });

  it('renames in an Astro file', async () => {
    expect(await mended('src/a.astro', astro)).toBe(
      astro.replace("select('tenant_id')", "select('org_id')").replace('{note.tenant_id}', '{note.org_id}'),
    );
  });

  it('guesses nothing where one name stands for elements of two lists', async () => {
    const text = `<script setup>
const { data: notes } = await supabase.from('notes').select()
const { data: parts } = await supabase.from('parts').select()
</script>
<template><p v-for="row in notes">{{ row.tenant_id }}</p><p v-for="row in parts">{{ row.tenant_id }}</p></template>
`;
    expect(await mended('src/A.vue', text)).toBe(text);
  });

  it('says what it cannot read', () => {
    expect(readComponent('a.vue', '<template lang="pug">\np= org_id\n</template>').unread).toMatch(/pug/);
    expect(readComponent('a.vue', '<script lang="coffee">\nx = 1\n</script>').unread).toMatch(/coffee/);
  });
});
