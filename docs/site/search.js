// Shows the entries of the list that contain all typed words, in any order.
const field = document.querySelector('#search')
const rows = [...document.querySelectorAll('[data-words]')]
const letters = text => text.toLowerCase().replace(/[’'`"]/g, '')

for (const row of rows) row.words = letters(row.dataset.words)
field.hidden = false
field.addEventListener('input', () => {
  const wanted = letters(field.value).split(/\s+/).filter(Boolean)
  let shown = 0
  for (const row of rows) {
    row.hidden = !wanted.every(word => row.words.includes(word))
    shown += !row.hidden
  }
  for (const list of document.querySelectorAll('#messages ul')) {
    list.hidden = list.previousElementSibling.hidden = !list.querySelector('li:not([hidden])')
  }
  document.querySelector('#none').textContent = shown ? '' : 'No message has all these words. Try fewer, or: whycap explain --text "…"'
})
