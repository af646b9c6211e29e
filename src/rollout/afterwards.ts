/** What is left to a person once every step is verified, in the order in which it is done. */
export const afterwards: readonly string[] = [
  'Deploy the backend first, then the frontend with its settings page.',
  'Watch for answers 401 and 403, error 42501 in the database log and failed sign-ups during the first hours.',
  'Tokens from before the rollout carry no org_id until they are refreshed; after one token lifetime (an hour by default) all of them do.',
  'Where --legacy-reads kept the old column names readable, end that once nothing asks for them: --legacy-reads close.',
  'Keep the evidence: voxanne-rollout report --format html --output rollout.html',
  'Run voxanne-rollout guard in CI, so that what holds now goes on holding.',
];
