import { createClient, type SupabaseClient } from '@supabase/supabase-js';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import ws from 'ws';
import type { Backend } from '../helpers/backend.ts';
import { type Frontend, startFrontend } from '../helpers/frontend.ts';
import { type AppStage, acacia, birch, emailOf, type Person, password } from './stage.ts';

/** The browser out of the npm package; why there is none, where it does not start on this machine. */
async function startBrowser(): Promise<Browser | string> {
  try {
    const { default: packaged } = await import('@sparticuz/chromium');
    return await chromium.launch({
      executablePath: await packaged.executablePath(),
      args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    });
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
  }
}

const browser = await startBrowser();
if (typeof browser === 'string') {
  process.stderr.write(`The settings page is not tested, because Chromium does not start here: ${browser}\n`);
}

/** The tests of the page on an app that is rolled out and whose backend runs. */
export function settingsPage(app: { readonly stage: () => AppStage; readonly backend: () => Backend }): void {
  describe
    .skipIf(typeof browser === 'string')
    .sequential('the settings page of the rolled-out app, in Chromium', () => {
      let stage: AppStage;
      let backend: Backend;
      let frontend: Frontend;
      const problems: string[] = [];

      beforeAll(async () => {
        stage = app.stage();
        backend = app.backend();
        frontend = await startFrontend(stage.app.directory, { gateway: stage.gateway, backendUrl: backend.url });
      });
      afterAll(async () => {
        if (typeof browser !== 'string') await browser.close();
        await frontend?.stop();
      });

      /** A browser of its own, signed in, on the settings page. */
      async function settingsOf(person: Person): Promise<Page> {
        if (typeof browser === 'string') throw new Error(browser);
        const page = await (await browser.newContext()).newPage();
        page.setDefaultTimeout(15_000);
        page.on('pageerror', (error) => problems.push(error.message));
        await page.goto(`${frontend.url}/login`);
        await page.getByLabel('Email').fill(emailOf(person));
        await page.getByLabel('Password').fill(password);
        await page.getByRole('button', { name: 'Sign in' }).click();
        await page.getByRole('button', { name: 'Settings' }).click();
        return page;
      }

      const nameOf = async (organization: string): Promise<string | undefined> =>
        (await stage.at.sql<{ name: string }>('select name from organizations where id = $1', [organization]))[0]?.name;

      /** The name of the field that has the focus. */
      const focused = async (page: Page): Promise<string | null> =>
        page.locator(':focus').getAttribute('name', { timeout: 1000 });

      test('loads, saves, says so, and shows the saved name after a reload', async () => {
        const page = await settingsOf('owner');
        const name = page.getByLabel('Name', { exact: true });
        expect(await name.inputValue()).toBe('Acacia Clinic');
        const save = page.getByRole('button', { name: 'Save' });
        expect(await save.isDisabled()).toBe(true);
        await name.fill('  Acacia Family Clinic ');
        await save.click();
        await page.getByText('Organization saved').waitFor();
        await page.getByText('Saved', { exact: true }).waitFor();
        expect(await nameOf(acacia)).toBe('Acacia Family Clinic');
        expect(await nameOf(birch)).toBe('Birch Dental');
        await page.reload();
        expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Acacia Family Clinic');
        // The note that said whom to write to is gone, and the other tabs are still there.
        expect(await page.getByText('managed by our support team').count()).toBe(0);
        await page.getByRole('tab', { name: 'Team' }).click();
        await page.getByRole('tab', { name: 'General' }).click();
        await page.getByLabel('Name', { exact: true }).waitFor();
        await page.context().close();
      });

      test('is used with the keyboard alone, and an empty name is refused where it stands', async () => {
        const page = await settingsOf('owner');
        await page.getByLabel('Name', { exact: true }).waitFor();
        // From the first of the tabs with the key that goes on, as far as the field.
        await page.getByRole('tab', { name: 'General' }).focus();
        for (let presses = 0; presses < 6 && (await focused(page)) !== 'name'; presses += 1)
          await page.keyboard.press('Tab');
        expect(await focused(page)).toBe('name');
        await page.keyboard.press('Control+A');
        await page.keyboard.press('Delete');
        await page.keyboard.press('Enter');
        await page.getByText('Name is required.').waitFor();
        const name = page.getByLabel('Name', { exact: true });
        expect(await focused(page)).toBe('name');
        expect(await name.getAttribute('aria-invalid')).toBe('true');
        const described = await name.getAttribute('aria-describedby');
        expect(await page.locator(`[id="${described}"]`).textContent()).toBe('Name is required.');
        expect(await nameOf(acacia)).toBe('Acacia Family Clinic');
        await page.keyboard.type('Acacia by keyboard');
        await page.keyboard.press('Enter');
        await page.getByText('Saved', { exact: true }).waitFor();
        expect(await nameOf(acacia)).toBe('Acacia by keyboard');
        await page.context().close();
      });

      test('a viewer sees the values and cannot change them', async () => {
        const page = await settingsOf('viewer');
        const name = page.getByLabel('Name', { exact: true });
        expect(await name.inputValue()).toBe('Acacia by keyboard');
        expect(await name.getAttribute('readonly')).not.toBeNull();
        expect(await page.getByRole('button', { name: 'Save' }).count()).toBe(0);
        await page.getByText('Only these roles can change the organization: owner, admin.').waitFor();
        await page.context().close();
      });

      test('another organization sees its own, and nothing of this one', async () => {
        const page = await settingsOf('stranger');
        expect(await page.getByLabel('Name', { exact: true }).inputValue()).toBe('Birch Dental');
        expect(await page.content()).not.toContain('Acacia');
        await page.context().close();
      });

      test('beyond the page: the API refuses what the page does not offer', async () => {
        const client = async (person: Person): Promise<SupabaseClient> =>
          createClient(stage.gateway.url, stage.gateway.anonKey, {
            auth: { persistSession: false, autoRefreshToken: false },
            realtime: { transport: ws as never },
            global: { headers: { Authorization: `Bearer ${await stage.signIn(person)}` } },
          });
        const rename = async (person: Person, organization: string): Promise<number> => {
          const { data, error } = await (await client(person))
            .from('organizations')
            .update({ name: 'taken over' })
            .eq('id', organization)
            .select('id');
          return error === null ? data.length : 0;
        };
        expect(await rename('viewer', acacia)).toBe(0);
        expect(await rename('stranger', acacia)).toBe(0);
        expect(await rename('owner', birch)).toBe(0);
        const { data } = await (await client('stranger')).from('organizations').select('id');
        expect(data).toEqual([{ id: birch }]);
        expect([await nameOf(acacia), await nameOf(birch)]).toEqual(['Acacia by keyboard', 'Birch Dental']);
        const token = await stage.signIn('viewer');
        const invited = await backend.request('/api/settings/members', {
          method: 'POST',
          token,
          body: { userId: birch, role: 'admin' },
        });
        expect(invited.status).toBe(403);
      });

      test('no page threw an error', () => {
        expect(problems).toEqual([]);
      });
    });
}
