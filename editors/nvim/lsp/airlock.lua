-- For `vim.lsp.enable('airlock')`, Neovim 0.11 and newer: copy this file into ~/.config/nvim/lsp.
-- The server is attached to diffs too, since a proposal is reviewed in one.
return {
  cmd = { 'airlock', 'lsp' },
  filetypes = { 'python', 'diff' },
  root_markers = { 'airlock.toml', 'pyproject.toml', 'pytest.ini', 'tox.ini', 'setup.cfg', '.git' },
  init_options = { checkOnSave = true },
}
