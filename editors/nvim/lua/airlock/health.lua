-- `:checkhealth airlock`: whether the program is there and answers, what its sandbox lacks, and where it is attached.
local health = vim.health
local M = {}

-- How long the program may take to answer, in milliseconds; `doctor` collects the project's tests.
local PATIENCE = 60000

-- The program that the configuration names; a function in its place makes a connection of its own.
local function program()
  local config = vim.lsp.config.airlock
  local cmd = config and config.cmd
  if type(cmd) == 'table' then
    return cmd[1]
  end
  return 'airlock'
end

-- What a call printed, or nothing and why.
local function call(arguments, folder)
  local begun, running = pcall(vim.system, arguments, { text = true, cwd = folder, timeout = PATIENCE })
  if not begun then
    return nil, tostring(running)
  end
  local ended = running:wait()
  if ended.code == 124 then
    return nil, ('it did not answer within %d s'):format(PATIENCE / 1000)
  end
  return ended.stdout or '', ended.stderr or ''
end

-- What a call with `--json` said, or nothing and why.
local function document(arguments, folder)
  local said, why = call(arguments, folder)
  if not said then
    return nil, why
  end
  local good, parsed = pcall(vim.json.decode, said, { luanil = { object = true, array = true } })
  if not good or type(parsed) ~= 'table' then
    return nil, 'it printed no JSON: ' .. vim.trim(said .. why):sub(1, 200)
  end
  return parsed
end

local function check_version(path)
  local said, why = call({ path, '--version' })
  local version = said and said:match('^airlock (%S+)')
  if version then
    health.ok('version ' .. version)
  else
    health.error(path .. ' does not say that it is Airlock: ' .. vim.trim(why or said or ''))
  end
  return version ~= nil
end

local function check_guest(path)
  local listed, why = document({ path, 'guest', 'list', '--json' })
  if not listed then
    health.error('the guests cannot be listed: ' .. why)
    return
  end
  for _, guest in ipairs(listed.guests or {}) do
    local name = ('%s %s'):format(guest.name, guest.version)
    if guest.state == 'installed' then
      health.ok(('the guest %s is installed in %s'):format(name, guest.path))
    else
      local reason = guest.why and (' (' .. guest.why .. ')') or ''
      health.error(('the guest %s is %s%s, so no test can run'):format(name, guest.state, reason), {
        ('run `airlock guest install %s`, or `:Airlock installGuest` in a Python file'):format(guest.name),
      })
    end
  end
end

local function check_project(path, folder)
  local found, why = document({ path, 'doctor', '--json' }, folder)
  if not found then
    health.error('the project cannot be looked at: ' .. why)
  elseif found.error then
    health.warn(('%s: %s'):format(folder, found.error.message), found.error.hint and { found.error.hint })
  else
    health.ok(('%s: %d tests can run in the sandbox'):format(found.root or folder, found.testable or 0))
    local rest = found.counts and found.counts.not_testable or 0
    if rest > 0 then
      health.warn(('%d cannot'):format(rest), { 'run `airlock doctor` there, which says why and what mends it' })
    end
    for _, note in ipairs(found.notes or {}) do
      health.info(type(note) == 'table' and (note.text or vim.inspect(note)) or note)
    end
  end
end

local function check_clients()
  local enabled = vim.lsp.is_enabled == nil or vim.lsp.is_enabled('airlock')
  local clients = vim.lsp.get_clients({ name = 'airlock' })
  if #clients == 0 then
    if enabled then
      health.info('it is attached nowhere: it starts with the first Python file')
    else
      health.warn('it is not enabled', { "write `vim.lsp.enable('airlock')` into your init.lua" })
    end
  end
  local folders = {}
  for _, client in ipairs(clients) do
    local buffers = vim.tbl_count(client.attached_buffers)
    health.ok(('attached to %d buffers, for %s'):format(buffers, client.root_dir or 'no folder'))
    if client.root_dir then
      table.insert(folders, client.root_dir)
    end
  end
  return folders
end

function M.check()
  health.start('airlock: the program')
  if vim.fn.has('nvim-0.11') == 0 then
    health.error('Neovim 0.11 or newer is needed')
    return
  end
  local name = program()
  local path = vim.fn.exepath(name)
  if path == '' then
    health.error(("the program '%s' is not found"):format(name), {
      'install it with `cargo install --path server/airlock`, in a checkout of Airlock',
      "or name it: `vim.lsp.config('airlock', { cmd = { '/path/to/airlock', 'lsp' } })`",
    })
    return
  end
  health.ok('found: ' .. path)
  if not check_version(path) then
    return
  end
  check_guest(path)
  health.start('airlock: the server')
  local folders = check_clients()
  for _, folder in ipairs(folders) do
    check_project(path, folder)
  end
end

return M
