-- A scripted agent beside a real Neovim: it looks, checks a patch and proposes it by `airlock mcp`, and the user accepts it here.
-- Argument: the program. The folder is the project's.
vim.cmd('packloadall')
vim.cmd('filetype on')
vim.lsp.config('airlock', { cmd = { arg[1], 'lsp' }, init_options = { checkOnSave = false } })
vim.lsp.enable('airlock')

local function check(what, holds)
  if not vim.wait(120000, holds, 20) then
    io.stderr:write(what .. ' did not come\n', vim.inspect(vim.diagnostic.get()), '\n', vim.fn.execute('messages'), '\n')
    os.exit(1)
  end
end

vim.cmd.edit('src/shop/discounts.py')
local module = vim.api.nvim_get_current_buf()
check('the server', function() return #vim.lsp.get_clients({ bufnr = module, name = 'airlock' }) == 1 end)
check('its start', function() return vim.lsp.get_clients({ bufnr = module, name = 'airlock' })[1].initialized end)

local read, answers = '', {}
local agent = vim.system({ arg[1], 'mcp' }, {
  stdin = true,
  stdout = function(_, data)
    read = read .. (data or '')
    for line in read:gmatch('([^\n]*)\n') do
      local message = vim.json.decode(line)
      if message.id then answers[message.id] = message end
    end
    read = read:match('[^\n]*$')
  end,
})
local function send(message)
  message.jsonrpc = '2.0'
  agent:write(vim.json.encode(message) .. '\n')
end
local next = 0
local function ask(method, params)
  next = next + 1
  local id = next
  send({ id = id, method = method, params = params })
  check('the answer of ' .. method, function() return answers[id] ~= nil end)
  assert(answers[id].result and not answers[id].result.isError, vim.inspect(answers[id]))
  return answers[id].result
end
local function call(tool, arguments)
  return ask('tools/call', { name = tool, arguments = arguments }).structuredContent
end

local who = { name = 'scripted', version = '1' }
ask('initialize', { protocolVersion = '2025-11-25', capabilities = vim.empty_dict(), clientInfo = who })
send({ method = 'notifications/initialized' })
local tree = call('check_tree', vim.empty_dict())
assert(tree.failing[1].test:find('test_discount_starts_at_its_threshold', 1, true), vim.inspect(tree))
local explained = call('explain_failure', { fingerprint = tree.failing[1].fingerprint })
assert(explained.runs['src/shop/discounts.py'], vim.inspect(explained))
local patch = table.concat({
  '--- a/src/shop/discounts.py',
  '+++ b/src/shop/discounts.py',
  '@@ -22,1 +22,1 @@',
  '-        if pieces > threshold:',
  '+        if pieces >= threshold:',
  '',
}, '\n')
local checked = call('check_patch', { patch = patch })
assert(checked.status == 'verified', vim.inspect(checked))
local proposed = call('propose_patch', { patch = patch, reason = 'The threshold itself counts.' })
assert(proposed.waiting, vim.inspect(proposed))

-- Nothing was asked of the editor: it shows by itself.
check('the hint', function() return #vim.diagnostic.get(module, { severity = vim.diagnostic.severity.HINT }) == 1 end)
local hint = vim.diagnostic.get(module, { severity = vim.diagnostic.severity.HINT })[1]
vim.api.nvim_win_set_cursor(0, { hint.lnum + 1, 0 })
vim.lsp.buf.code_action({ apply = true, filter = function(action) return action.title:find('^Airlock: accept') ~= nil end })
check('the change', function()
  local text = table.concat(vim.api.nvim_buf_get_lines(module, 0, -1, false), '\n')
  return text:find('if pieces >= threshold:', 1, true) ~= nil
end)
vim.cmd.write()
check('the word on it', function()
  return call('sessions', { session = proposed.session }).sessions[1].accepted
end)
agent:write(nil)
assert(agent:wait(10000).code == 0, 'the server ended badly')
io.stdout:write('all of it\n')
vim.cmd('qall!')
