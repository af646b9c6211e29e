import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  HttpException,
  Injectable,
  UseGuards,
} from '@nestjs/common';
import { missing, OrgValidationError, orgOfToken, sameOrg } from '__CORE__';
__CLIENT_IMPORT__

type OrgRequest = { headers: { authorization?: string }; validatedOrgId?: string };

/** Lets a request through only with a validated organization, and answers 401, 403 or 404 otherwise. */
@Injectable()
export class OrgGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<OrgRequest>();
    request.validatedOrgId = await orgOfToken(__CLIENT__, request.headers.authorization).catch(answer);
    return true;
  }
}

/** On a controller or a method: OrgGuard stands in front of it. */
export const RequireOrg = () => applyDecorators(UseGuards(OrgGuard));

/** On a parameter: the validated organization of the caller. */
export const OrgId = createParamDecorator((_data: unknown, context: ExecutionContext): string => {
  const { validatedOrgId } = context.switchToHttp().getRequest<OrgRequest>();
  return validatedOrgId ?? answer(missing());
});

/** The own organization, after comparing it with what the request names: another one is answered 403. */
export function assertSameOrg(orgId: string, supplied: unknown): string {
  try {
    return sameOrg(orgId, supplied);
  } catch (error) {
    return answer(error);
  }
}

function answer(error: unknown): never {
  if (!(error instanceof OrgValidationError)) throw error;
  throw new HttpException(error.body, error.status);
}
