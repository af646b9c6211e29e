/** One way in which a framework hands over what the sender of a request chose. The test makes several files of it. */
export type Row = {
  readonly framework: string;
  readonly source: string;
  /** Where such code lies; `%` becomes the name of the variant. */
  readonly path: string;
  /** A file around the body of a handler. */
  readonly file: (body: string) => string;
  /** The expression that reads the organization out of the request. Null where the handler is given it as `orgId`. */
  readonly read: string | null;
  /** The authenticated user, and the organization of that user. */
  readonly user: string;
  readonly own: string;
  /** A statement that refuses. */
  readonly refuse: string;
  /** A body that looks alike and carries nothing of a request into a tenant's key. */
  readonly lookAlike: string;
};

/** Statements that use the organization `orgId` for what it decides. */
export const uses: readonly string[] = [
  `const found = await supabase.from('calls').select('id, name').eq('org_id', orgId);`,
  `await supabase.from('calls').insert({ org_id: orgId, name: 'x' });`,
  `await supabase.rpc('count_calls', { p_org_id: orgId });`,
  `await supabase.from('calls').update({ name: 'x' }).match({ org_id: orgId, name: 'y' });`,
  `const found = await prisma.call.findMany({ where: { orgId } });`,
  `const found = await db.select().from(calls).where(eq(calls.orgId, orgId));`,
  `const found = await pool.query('select id from calls where org_id = $1', [orgId]);`,
  'const found = await sql`select id from calls where org_id = ${orgId}`;',
  'await supabase.storage.from("files").upload(`${orgId}/a.png`, file);',
  `const found = await listCalls(orgId);`,
  `await prisma.call.create({ data: { orgId, name: 'x' } });`,
  `await supabase.from('calls').upsert([{ name: 'x', org_id: orgId }]);`,
];

/** The same where no name but that of the column says what the value `chosen` decides. */
export const plainUses: readonly string[] = [
  `const found = await supabase.from('calls').select('id, name').eq('org_id', chosen);`,
  `await supabase.from('calls').insert({ org_id: chosen, name: 'x' });`,
  `await supabase.rpc('count_calls', { p_org_id: chosen });`,
  `const found = await supabase.from('calls').select('id').match({ org_id: chosen });`,
  `const found = await prisma.call.findMany({ where: { orgId: chosen } });`,
  `const found = await db.select().from(calls).where(eq(calls.orgId, chosen));`,
  `const found = await pool.query('select id from calls where name = $1 and org_id = $2', ['x', chosen]);`,
  'const found = await sql`select id from calls where org_id = ${chosen} order by id`;',
  'const found = await supabase.from("calls").select("id").or(`org_id.eq.${chosen},name.eq.x`);',
  `const found = await kysely.selectFrom('calls').selectAll().where('org_id', '=', chosen).execute();`,
  `const found = await knex('calls').where({ org_id: chosen });`,
  `await supabase.from('organizations').update({ name: 'x' }).eq('id', chosen);`,
];

type Words = { readonly user: string; readonly own: string; readonly refuse: string };

/** What keeps `orgId` to the organizations of the user. */
export const guards: readonly (readonly [string, (words: Words) => string])[] = [
  ['a comparison', ({ own, refuse }) => `if (orgId !== ${own}) { ${refuse} }`],
  ['a comparison, the other way round', ({ own, refuse }) => `if (${own} !== orgId) ${refuse}`],
  [
    'a comparison with a name',
    ({ own, refuse }) => `const mine = ${own};\n  if (!orgId || orgId !== mine) { ${refuse} }`,
  ],
  [
    'a membership by supabase-js',
    ({ user, refuse }) =>
      `const { data: member } = await supabase.from('memberships').select('role').eq('user_id', ${user}.id).eq('org_id', orgId).maybeSingle();\n  if (!member) { ${refuse} }`,
  ],
  [
    'a membership by supabase-js, in one answer',
    ({ user, refuse }) =>
      `const answer = await supabase.from('memberships').select('role').match({ user_id: ${user}.id, org_id: orgId }).single();\n  if (answer.error || !answer.data) ${refuse}`,
  ],
  [
    'a count of memberships',
    ({ user, refuse }) =>
      `const { count } = await supabase.from('memberships').select('*', { count: 'exact', head: true }).eq('org_id', orgId).eq('user_id', ${user}.id);\n  if (count === 0) { ${refuse} }`,
  ],
  [
    'a membership by Prisma',
    ({ user, refuse }) =>
      `const member = await prisma.membership.findFirst({ where: { userId: ${user}.id, orgId } });\n  if (!member) { ${refuse} }`,
  ],
  [
    'a membership by its compound key in Prisma',
    ({ user, refuse }) =>
      `const member = await prisma.membership.findUnique({ where: { userId_orgId: { userId: ${user}.id, orgId: orgId } } });\n  if (member === null) { ${refuse} }`,
  ],
  [
    'a membership by Drizzle',
    ({ user, refuse }) =>
      `const [member] = await db.select().from(memberships).where(and(eq(memberships.userId, ${user}.id), eq(memberships.orgId, orgId))).limit(1);\n  if (!member) { ${refuse} }`,
  ],
  [
    "a membership by Drizzle's queries",
    ({ user, refuse }) =>
      `const member = await db.query.memberships.findFirst({ where: and(eq(memberships.orgId, orgId), eq(memberships.userId, ${user}.id)) });\n  if (!member) ${refuse}`,
  ],
  [
    'a membership by SQL',
    ({ user, refuse }) =>
      `const { rows } = await pool.query('select 1 from memberships where user_id = $1 and org_id = $2', [${user}.id, orgId]);\n  if (rows.length === 0) { ${refuse} }`,
  ],
  [
    'a membership by a tagged template',
    ({ user, refuse }) =>
      `const members = await sql\`select role from memberships where user_id = \${${user}.id} and org_id = \${orgId}\`;\n  if (!members.length) { ${refuse} }`,
  ],
  ['a list of own ones', ({ user, refuse }) => `if (!${user}.orgIds.includes(orgId)) { ${refuse} }`],
  ['a checking function', ({ user }) => `await assertOrgMember(${user}.id, orgId);`],
  [
    'a function that looks the membership up',
    ({ user, refuse }) => `const member = await getMembership(${user}.id, orgId);\n  if (!member) { ${refuse} }`,
  ],
  [
    'a function that asks for an own one',
    ({ user, refuse }) => `const org = await db.getOrgForUser(${user}.id, orgId);\n  if (!org) { ${refuse} }`,
  ],
  ['an assertion', ({ own }) => `invariant(orgId === ${own}, 'not yours');`],
  [
    'the people of the organization',
    ({ user, refuse }) =>
      `const org = await prisma.organization.findUnique({ where: { id: orgId }, include: { members: true } });\n  if (!org?.members.some((one) => one.userId === ${user}.id)) { ${refuse} }`,
  ],
  [
    'the people of the organization, under names of their own',
    ({ user, refuse }) =>
      `const org = await prisma.organization.findUnique({ where: { id: orgId }, select: { id: true, people: { select: { userId: true } } } });\n  const people = org.people;\n  const isMember = people.some((one) => one.userId === ${user}.id);\n  if (!isMember) { ${refuse} }`,
  ],
  [
    'a checking function that is given an object',
    ({ user, refuse }) =>
      `const allowed = await hasAccessToProject({ projectId, orgId, userId: ${user}.id });\n  if (!allowed) { ${refuse} }`,
  ],
  ['a secret of another service', ({ refuse }) => `if (presented !== process.env.CRON_SECRET) { ${refuse} }`],
  [
    'a secret in a name',
    ({ refuse }) =>
      `const expected = process.env.INTERNAL_API_KEY;\n  if (!expected || presented !== \`Bearer \${expected}\`) { ${refuse} }`,
  ],
  [
    'the organization of a key',
    ({ refuse }) =>
      `const { data: key } = await supabase.from('api_keys').select('org_id').eq('key_hash', presented).single();\n  if (key.org_id !== orgId) { ${refuse} }`,
  ],
  [
    'a checking function that is given a cleaned value',
    ({ user }) => `await assertOrgMember(${user}.id, normalizeId(orgId));`,
  ],
  [
    'a role of the operator',
    ({ user, refuse }) =>
      `const { data: isMaster } = await supabase.rpc('has_role', { user_id: ${user}.id, role: 'master' });\n  if (!isMaster) { ${refuse} }`,
  ],
  ['staff of the operator', ({ user, refuse }) => `if (!${user}.isSuperAdmin) { ${refuse} }`],
  [
    'a query that keeps to the user',
    ({ user, refuse }) =>
      `const { data: mine, error: none } = await supabase.from('organizations').select('id, memberships!inner(user_id)').eq('id', orgId).eq('memberships.user_id', ${user}.id).single();\n  if (none) { ${refuse} }`,
  ],
];

/** What looks like a guard and lets everybody pass. */
export const shams: readonly (readonly [string, (words: Words) => string])[] = [
  ['a comparison that refuses nothing', ({ own }) => `if (orgId !== ${own}) { console.warn('another one'); }`],
  ['a comparison for a log', ({ own }) => `console.log({ same: orgId === ${own} });`],
  [
    'a membership that nobody looks at',
    ({ user }) =>
      `await supabase.from('memberships').select('role').eq('user_id', ${user}.id).eq('org_id', orgId).maybeSingle();`,
  ],
  [
    'a membership that is only logged',
    ({ user }) =>
      `const member = await prisma.membership.findFirst({ where: { userId: ${user}.id, orgId } });\n  console.log(member);`,
  ],
  [
    'a look-up of anybody',
    ({ refuse }) =>
      `const { data: all } = await supabase.auth.admin.listUsers();\n  const taken = all.users.find((one) => one.email === address);\n  if (taken) { ${refuse} }`,
  ],
  ['a presence check', ({ refuse }) => `if (!orgId) { ${refuse} }`],
  [
    'a check that the organization exists',
    ({ refuse }) =>
      `const { data: org } = await supabase.from('organizations').select('id').eq('id', orgId).maybeSingle();\n  if (!org) { ${refuse} }`,
  ],
  ['a setting that has nothing to do with it', ({ refuse }) => `if (process.env.NODE_ENV === 'test') { ${refuse} }`],
  [
    'the people of the organization, counted',
    ({ refuse }) =>
      `const org = await prisma.organization.findUnique({ where: { id: orgId }, include: { members: true } });\n  if (org.members.length === 0) { ${refuse} }`,
  ],
  ['a role in the own organization', ({ user, refuse }) => `if (${user}.role !== 'admin') { ${refuse} }`],
  ['a check of the form', ({ refuse }) => `if (!isUuid(orgId)) { ${refuse} }`],
  [
    'a membership of anybody',
    ({ refuse }) =>
      `const [member] = await db.select().from(memberships).where(eq(memberships.orgId, orgId)).limit(1);\n  if (!member) { ${refuse} }`,
  ],
];

/** What looks like a use of the organization, and goes to a table where a column of that name means something else. */
export const otherUses: readonly string[] = [
  `const found = await supabase.from('partner_links').select('id').eq('org_id', orgId);`,
  `await supabase.from('partner_links').insert({ org_id: orgId, name: 'x' });`,
  `const found = await db.select().from(partnerLinks).where(eq(partnerLinks.orgId, orgId));`,
  'const found = await sql`select id from partner_links where org_id = ${orgId}`;',
];
