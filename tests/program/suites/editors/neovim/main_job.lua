-- The main job in a real Neovim, with the configuration that the repository gives to its users, installed as its page says.
-- Argument: the program. The folder is the project's.
vim.cmd('packloadall')
vim.cmd('filetype on')
vim.lsp.config('airlock', { cmd = { arg[1], 'lsp' }, init_options = { checkOnSave = false } })
vim.lsp.enable('airlock')

local function check(what, holds)
  if not vim.wait(120000, holds, 50) then
    io.stderr:write(what .. ' did not come\n', vim.inspect(vim.diagnostic.get()), '\n', vim.fn.execute('messages'), '\n')
    os.exit(1)
  end
end

vim.cmd.edit('src/shop/discounts.py')
local module = vim.api.nvim_get_current_buf()
vim.cmd.edit('tests/test_discounts.py')
local tests = vim.api.nvim_get_current_buf()
check('the server', function() return #vim.lsp.get_clients({ bufnr = tests, name = 'airlock' }) == 1 end)
local client = vim.lsp.get_clients({ bufnr = tests, name = 'airlock' })[1]
check('its start', function() return client.initialized end)

client:exec_cmd({ title = 'check', command = 'airlock.checkTests' })
check('the failing test', function() return #vim.diagnostic.get(tests, { severity = vim.diagnostic.severity.ERROR }) == 1 end)
local failing = vim.diagnostic.get(tests)[1]
assert(failing.message:find('test_discount_starts_at_its_threshold', 1, true), failing.message)

vim.api.nvim_win_set_cursor(0, { failing.lnum + 1, 0 })
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return action.title == 'Airlock: make this test pass' end,
})
check('the review', function() return vim.api.nvim_buf_get_name(0):find('%.diff$') ~= nil end)
local review = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
assert(review:find('verdict  verified', 1, true), review)
check('the hint', function() return #vim.diagnostic.get(module, { severity = vim.diagnostic.severity.HINT }) == 1 end)

-- On the changed line, as the reader of a diff would: in the review itself.
check('the server at the review', function() return #vim.lsp.get_clients({ bufnr = 0, name = 'airlock' }) == 1 end)
vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title:find('^Airlock: accept') ~= nil end })
check('the change', function()
  local text = table.concat(vim.api.nvim_buf_get_lines(module, 0, -1, false), '\n')
  return text:find('if pieces >= threshold:', 1, true) ~= nil
end)
check('the end of the finding', function() return #vim.diagnostic.get(tests) == 0 and #vim.diagnostic.get(module) == 0 end)
io.stdout:write('all of it\n')
vim.cmd('qall!')
