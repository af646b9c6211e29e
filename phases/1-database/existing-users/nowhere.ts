import type { Target } from '../../target.ts';

/** A sign-up makes an organization for whoever was not invited into one; else the app does, when they ask for it. */
export const signUpMakesOrganization = (target: Target): boolean =>
  target.config.decisions.newUsers === 'own-organization';

/** What becomes of users whom nothing connects to an organization: where new ones have none, these are no exception. */
export const orphansDecision = (target: Target): 'own-organization' | 'leave' | null =>
  target.config.decisions.orphans ?? (signUpMakesOrganization(target) ? null : 'leave');

/** Somebody who signs in may belong to no organization, on purpose and for as long as they like. */
export const mayBelongNowhere = (target: Target): boolean =>
  !signUpMakesOrganization(target) || orphansDecision(target) === 'leave';
