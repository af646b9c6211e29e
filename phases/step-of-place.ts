import type { StepId } from '../src/rollout/step.ts';
import { authFiles } from './2-backend/2-auth.ts';
import { routePlaces } from './2-backend/3-routes.ts';
import { componentPlaces } from './3-frontend/2-components.ts';
import { isTenantRoute } from './3-frontend/3-tenant-route.ts';
import { isPlaceholder } from './4-settings/2-settings-page.ts';
import type { Place } from './code/checks.ts';
import type { Code } from './code/code.ts';

/** Which step answers for a finding: the one whose checks fail while it is there. Null: none does. */
export async function stepOfPlace(code: Code): Promise<(place: Place) => StepId | null> {
  const auth = authFiles(code);
  const routes = routePlaces(code);
  const components = await componentPlaces(code);
  return (place) => {
    if (isPlaceholder(place)) return '4.2';
    if (auth.includes(place.file)) return '2.2';
    if (routes(place)) return '2.3';
    if (isTenantRoute(place.file)) return '3.3';
    return components.mine(place) ? '3.2' : place.file === components.hook ? '3.1' : null;
  };
}
