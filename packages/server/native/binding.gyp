{
  'targets': [
    {
      'target_name': 'netlink',
      'sources': ['netlink.cc'],
      'cflags_cc': ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Wno-missing-field-initializers'],
    },
  ],
}
