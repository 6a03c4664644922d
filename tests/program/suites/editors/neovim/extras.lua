-- The help, the health and the command that come with the configuration. Argument: the program. The folder is the project's.
local program = arg[1]
vim.cmd('packloadall')
vim.cmd('filetype on')

local function check(what, holds, seen)
  if not vim.wait(60000, holds, 50) then
    io.stderr:write(what .. ' did not come\n', vim.inspect(seen), '\n', vim.fn.execute('messages'), '\n')
    os.exit(1)
  end
end

-- What a buffer says.
local function text() return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n') end

local function says(what, words)
  if not text():find(words, 1, true) then
    error(('%s does not say "%s":\n%s'):format(what, words, text()))
  end
end

-- Every tag is found, and every one that the help names.
vim.cmd('helptags ALL')
local folder = vim.api.nvim_get_runtime_file('doc/airlock.txt', false)[1]
for line in io.lines(folder) do
  for tag in line:gmatch('|(airlock[%w-]*)|') do
    vim.cmd.help(tag)
    assert(vim.api.nvim_buf_get_name(0):find('airlock%.txt$'), tag)
  end
  for tag in line:gmatch('|([%w:%.%(%)]+)|') do
    vim.cmd.help(tag)
  end
end
vim.cmd.help('airlock')
assert(vim.api.nvim_buf_get_name(0):find('airlock%.txt$'), vim.api.nvim_buf_get_name(0))
vim.cmd.help(':Airlock')
vim.cmd('only')

-- The health, where the program is not, and where all is well.
vim.lsp.config('airlock', { cmd = { 'airlock-that-is-not-there', 'lsp' } })
vim.cmd('checkhealth airlock')
says('the health', "the program 'airlock-that-is-not-there' is not found")

vim.lsp.config('airlock', { cmd = { '/bin/echo', 'lsp' } })
vim.cmd('checkhealth airlock')
says('the health', 'does not say that it is Airlock')

vim.lsp.config('airlock', { cmd = { program, 'lsp' }, init_options = { checkOnSave = false } })
vim.cmd('checkhealth airlock')
says('the health', 'the guest python')
says('the health', 'it is not enabled')

vim.lsp.enable('airlock')
vim.cmd.edit('tests/test_discounts.py')
local tests = vim.api.nvim_get_current_buf()
check('the server', function() return #vim.lsp.get_clients({ bufnr = tests, name = 'airlock' }) == 1 end)
check('the command', function() return vim.fn.exists(':Airlock') == 2 end)
vim.cmd('checkhealth airlock')
says('the health', 'found: ' .. program)
says('the health', 'is installed in')
says('the health', 'attached to 1 buffers, for ' .. vim.uv.fs_realpath('.'))
says('the health', '33 tests can run in the sandbox')
assert(not text():find('ERROR', 1, true), text())

local environment = vim.env.XDG_CACHE_HOME
vim.env.XDG_CACHE_HOME = vim.env.HOME .. '/empty'
vim.cmd('checkhealth airlock')
says('the health', 'so no test can run')
vim.env.XDG_CACHE_HOME = environment

-- The command, its completion and its refusals.
vim.cmd.buffer(tests)
local offered = vim.fn.getcompletion('Airlock ', 'cmdline')
assert(vim.list_contains(offered, 'checkTests') and vim.list_contains(offered, 'accept'), vim.inspect(offered))
assert(vim.deep_equal(vim.fn.getcompletion('Airlock acc', 'cmdline'), { 'accept' }))
assert(#vim.fn.getcompletion('Airlock accept ', 'cmdline') == 0)
local told = {}
vim.notify = function(message) table.insert(told, message) end
vim.cmd.Airlock('accept')
check('the refusal', function() return table.concat(told, '\n'):find('Airlock: no', 1, true) ~= nil end, told)
vim.cmd.Airlock('checkTests')
check('the failing test', function() return #vim.diagnostic.get(tests) == 1 end)
io.stdout:write('all of it\n')
vim.cmd('qall!')
