const form = document.querySelector('#form')

form.addEventListener('submit', async (event) => {
  event.preventDefault()
  const { ok } = await fetch(`/notes/${form.elements.title.value}`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: form.elements.text.value }),
  })
  document.querySelector('#answer').textContent = ok ? 'Saved.' : 'That did not work.'
})
