# The CPU engine: `npm run build`. Sources are globbed; re-run configure after adding a file.
# CPU code that depends on an instruction set is compiled once per set; engine_check links the engine without Node.
{
  "variables": {
    "core_sources": ["<!@(node scripts/list-sources.mjs core)"],
    "binding_sources": ["<!@(node scripts/list-sources.mjs binding)"],
    "isa_sources": ["<!@(node scripts/list-sources.mjs isa)"],
    "check_sources": ["<!@(node scripts/list-sources.mjs check)"]
  },
  "target_defaults": {
    "include_dirs": ["native"],
    "cflags!": ["-fno-exceptions", "-O2"],
    "cflags_cc!": ["-fno-exceptions", "-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
    "cflags": ["-O3", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra", "-Wno-psabi"],
    "cflags_cc": ["-std=c++17", "-fexceptions"],
    "xcode_settings": {
      "GCC_ENABLE_CPP_EXCEPTIONS": "YES",
      "CLANG_CXX_LANGUAGE_STANDARD": "c++17",
      "GCC_SYMBOLS_PRIVATE_EXTERN": "YES",
      "MACOSX_DEPLOYMENT_TARGET": "11.0"
    },
    "msvs_settings": { "VCCLCompilerTool": { "ExceptionHandling": 1, "AdditionalOptions": ["/std:c++17"] } }
  },
  "conditions": [
    ["target_arch=='x64'", {
      "variables": { "isa_targets": ["isa_generic", "isa_avx2", "isa_avx512"] },
      "targets": [
        {
          "target_name": "isa_avx2",
          "type": "static_library",
          "sources": ["<@(isa_sources)"],
          "defines": ["ATHANOR_ISA=avx2"],
          "cflags": ["-ffp-contract=fast", "-mavx2", "-mfma"],
          "xcode_settings": { "OTHER_CFLAGS": ["-ffp-contract=fast", "-mavx2", "-mfma"] },
          "msvs_settings": { "VCCLCompilerTool": { "EnableEnhancedInstructionSet": "5" } }
        },
        {
          "target_name": "isa_avx512",
          "type": "static_library",
          "sources": ["<@(isa_sources)"],
          "defines": ["ATHANOR_ISA=avx512"],
          "cflags": ["-ffp-contract=fast", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"],
          "xcode_settings": {
            "OTHER_CFLAGS": ["-ffp-contract=fast", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mfma"]
          },
          "msvs_settings": { "VCCLCompilerTool": { "EnableEnhancedInstructionSet": "6" } }
        }
      ]
    }],
    ["target_arch=='arm64'", {
      "variables": { "isa_targets": ["isa_generic", "isa_neon"] },
      "targets": [
        {
          "target_name": "isa_neon",
          "type": "static_library",
          "sources": ["<@(isa_sources)"],
          "defines": ["ATHANOR_ISA=neon"],
          "cflags": ["-ffp-contract=fast"]
        }
      ]
    }],
    ["target_arch!='x64' and target_arch!='arm64'", { "variables": { "isa_targets": ["isa_generic"] } }]
  ],
  "targets": [
    {
      "target_name": "isa_generic",
      "type": "static_library",
      "sources": ["<@(isa_sources)"],
      "defines": ["ATHANOR_ISA=generic"],
      "cflags": ["-ffp-contract=fast"]
    },
    {
      "target_name": "engine",
      "type": "static_library",
      "sources": ["<@(core_sources)"],
      "dependencies": ["<@(isa_targets)"]
    },
    {
      "target_name": "athanor",
      "sources": ["<@(binding_sources)"],
      "dependencies": ["engine", "<@(isa_targets)"],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": ["NAPI_VERSION=9", "NODE_ADDON_API_CPP_EXCEPTIONS", "NODE_API_NO_EXTERNAL_BUFFERS_ALLOWED", "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS"],
      "libraries": ["-ldl"]
    },
    {
      "target_name": "engine_check",
      "type": "executable",
      "sources": ["<@(check_sources)"],
      "dependencies": ["engine", "<@(isa_targets)"],
      "libraries": ["-lpthread", "-ldl"]
    }
  ]
}
