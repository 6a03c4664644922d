-- For `vim.lsp.enable('airlock')`, Neovim 0.11 and newer: copy this file into ~/.config/nvim/lsp.
local markers = { 'airlock.toml', 'pyproject.toml', 'pytest.ini', 'tox.ini', 'setup.cfg', '.git' }

-- The server that shows a session's proposal; else any that runs.
local function owner(session)
  local clients = vim.lsp.get_clients({ name = 'airlock' })
  for _, client in ipairs(clients) do
    local namespace = vim.lsp.diagnostic.get_namespace(client.id)
    for _, found in ipairs(vim.diagnostic.get(nil, { namespace = namespace })) do
      if vim.tbl_get(found, 'user_data', 'lsp', 'data', 'of') == session then
        return client
      end
    end
  end
  return clients[1]
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
}
