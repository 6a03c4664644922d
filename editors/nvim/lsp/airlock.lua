-- For `vim.lsp.enable('airlock')`, Neovim 0.11 and newer: copy this file into ~/.config/nvim/lsp.
local markers = { 'airlock.toml', 'pyproject.toml', 'pytest.ini', 'tox.ini', 'setup.cfg', '.git' }

-- The server that shows a session's proposal; else any that runs.
local function owner(session)
  local clients = vim.lsp.get_clients({ name = 'airlock' })
  for _, client in ipairs(clients) do
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    for _, found in ipairs(vim.diagnostic.get(nil, { namespace = namespace })) do
      if vim.tbl_get(found, 'user_data', 'lsp', 'data', 'session') == session then
        return client
      end
    end
  end
  return clients[1]
end

-- The server's commands without their `airlock.`.
local function commands(client)
  local names = {}
  for _, name in ipairs(vim.tbl_get(client.server_capabilities, 'executeCommandProvider', 'commands') or {}) do
    local short = name:match('^airlock%.(.+)$')
    if short then
      table.insert(names, short)
    end
  end
  return names
end

-- Commands that take all that follows as the user's own words.
local sentences = { task = true, steer = true }

-- `:Airlock accept` and the like, where the server is attached.
local function add_command(client, buffer)
  vim.api.nvim_buf_create_user_command(buffer, 'Airlock', function(given)
    -- What follows the second word is one: the reason for a rejection, say.
    local arguments = { given.fargs[2], #given.fargs > 2 and table.concat(given.fargs, ' ', 3) or nil }
    if sentences[given.fargs[1]] then
      arguments = #given.fargs > 1 and { table.concat(given.fargs, ' ', 2) } or {}
    end
    local params = { command = 'airlock.' .. given.fargs[1], arguments = arguments }
    client:request('workspace/executeCommand', params, function(failure, result)
      if failure then
        vim.notify('Airlock: ' .. failure.message, vim.log.levels.ERROR)
      elseif type(result) == 'string' then
        vim.notify('Airlock: ' .. result)
      end
    end, buffer)
  end, {
    desc = 'Run a command of Airlock',
    nargs = '+',
    complete = function(typed, line)
      -- The first word alone is a command.
      if line:match('^%s*%S+%s+%S*$') == nil then
        return {}
      end
      return vim.tbl_filter(function(name) return vim.startswith(name, typed) end, commands(client))
    end,
  })
end

return {
  cmd = { 'airlock', 'lsp' },
  filetypes = { 'python', 'diff' },
  root_dir = function(buffer, on_dir)
    if vim.bo[buffer].filetype == 'diff' then
      -- A review belongs to the server that wrote it; other diffs are none of Airlock's.
      local session = vim.api.nvim_buf_get_name(buffer):match('airlock[/\\]reviews[/\\](.+)%.diff$')
      local client = session and owner(session)
      if client then
        on_dir(client.root_dir)
      end
      return
    end
    on_dir(vim.fs.root(buffer, markers))
  end,
  init_options = { checkOnSave = true },
  on_attach = add_command,
}
