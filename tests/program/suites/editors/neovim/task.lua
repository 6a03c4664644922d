-- Tasks for a model in a real Neovim, with the configuration that the repository gives to its users, installed as its page says.
-- Arguments: the program, and the port to knock at once the first task was told something. The folder is the project's.
vim.cmd('packloadall')
vim.cmd('filetype on')
vim.lsp.config('airlock', { cmd = { arg[1], 'lsp' }, init_options = { checkOnSave = false } })
vim.lsp.enable('airlock')

local said = {}
vim.notify = function(text) table.insert(said, text) end

local function was_said(part)
  for _, text in ipairs(said) do
    if text:find(part, 1, true) then
      return true
    end
  end
  return vim.fn.execute('messages'):find(part, 1, true) ~= nil
end

local function check(what, holds)
  if not vim.wait(120000, holds, 50) then
    io.stderr:write(what .. ' did not come\n', vim.inspect(said), '\n', vim.fn.execute('messages'), '\n')
    os.exit(1)
  end
end

vim.cmd.edit('src/shop/rounding.py')
local module = vim.api.nvim_get_current_buf()
local function text() return table.concat(vim.api.nvim_buf_get_lines(module, 0, -1, false), '\n') end
check('the server', function() return #vim.lsp.get_clients({ bufnr = module, name = 'airlock' }) == 1 end)
local client = vim.lsp.get_clients({ bufnr = module, name = 'airlock' })[1]
check('its start', function() return client.initialized end)

-- Offered once the server knows that a model is configured.
vim.api.nvim_win_set_cursor(0, { 3, 4 })
local implement = 'Airlock: implement this function'
check('the action', function()
  local params = vim.lsp.util.make_range_params(0, client.offset_encoding)
  params.context = { diagnostics = {} }
  local answer = client:request_sync('textDocument/codeAction', params, 10000, module)
  return vim.iter(answer and answer.result or {}):any(function(action) return action.title == implement end)
end)
vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title == implement end })

-- A word in between, by the user's command.
check('the task', function()
  vim.cmd('Airlock steer whole coins only')
  return vim.wait(1000, function() return was_said('told at its next turn') end, 20)
end)
local knock = vim.uv.new_tcp()
knock:connect('127.0.0.1', tonumber(arg[2]), function() knock:close() end)

local function is_review() return vim.api.nvim_buf_get_name(0):find('%.diff$') ~= nil end
check('the review', is_review)
local review = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
assert(review:find('It rounds down.', 1, true), review)
assert(not review:find('unchecked', 1, true), review)
check('the server at the review', function() return #vim.lsp.get_clients({ bufnr = 0, name = 'airlock' }) == 1 end)
vim.cmd('Airlock accept')
check('the first change', function() return text():find('return int(price)', 1, true) ~= nil end)
check('its end', function() return was_said('applied') end)

-- What no test covers: shown as such, and asked for.
local asked
vim.ui.select = function(items, options, choose)
  asked = options.prompt
  for _, item in ipairs(items) do
    if item.title == 'Land it unchecked' then
      return vim.schedule(function() choose(item) end)
    end
  end
  error('nothing to choose: ' .. vim.inspect(items))
end
local first = vim.api.nvim_buf_get_name(0)
vim.api.nvim_set_current_buf(module)
vim.cmd('Airlock task make doubled double the price')
check('the second review', function() return is_review() and vim.api.nvim_buf_get_name(0) ~= first end)
review = table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), '\n')
assert(review:find('unchecked: no test covers this', 1, true), review)
assert(not text():find('price * 2', 1, true), text())
check('the server there', function() return #vim.lsp.get_clients({ bufnr = 0, name = 'airlock' }) == 1 end)
vim.cmd('Airlock accept')
check('the second change', function() return text():find('price * 2', 1, true) ~= nil end)
assert(asked and asked:find('no test covers this', 1, true), vim.inspect(asked))
-- Nothing is on the disk before the user writes it.
assert(not table.concat(vim.fn.readfile('src/shop/rounding.py'), '\n'):find('price * 2', 1, true))
io.stdout:write('all of it\n')
vim.cmd('qall!')
