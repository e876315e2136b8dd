SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#reference',
  deepLinking: true,
  defaultModelsExpandDepth: 1,
  docExpansion: 'list',
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
})
