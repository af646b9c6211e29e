/**
 * The SDK of the Model Context Protocol brings a compiler of JSON schemas for questions that this server never asks: it
 * is a third of what the package would weigh. Inputs of tools are checked with zod.
 */
export const withoutSchemaCompiler = {
  name: 'without-schema-compiler',
  setup: (builder) => {
    builder.onLoad({ filter: /[\\/]@modelcontextprotocol[\\/]sdk[\\/].*[\\/]ajv-provider\.js$/ }, () => ({
      contents:
        'export class AjvJsonSchemaValidator { getValidator() { throw new Error("no schema is compiled here"); } }',
    }));
  },
};
