// The rules that the OCA's template has for 19.0: what ends a commit there, and what only
// warns.
const globals = require("globals");
const jsdoc = require("eslint-plugin-jsdoc");

const words = (text) => text.split(/\s+/).filter(Boolean);
const all = (level, names) => Object.fromEntries(names.map((name) => [name, level]));

const errors = words(`
    init-declarations no-cond-assign no-const-assign no-debugger no-dupe-args
    no-dupe-class-members no-dupe-keys no-duplicate-case no-duplicate-imports
    no-empty-function no-empty-pattern no-eq-null no-eval no-ex-assign
    no-func-assign no-global-assign no-lonely-if no-mixed-requires
    no-native-reassign no-negated-in-lhs no-return-assign no-undef
    no-unneeded-ternary no-unreachable no-unsafe-finally no-unused-expressions
    no-unused-labels no-unused-vars no-use-before-define use-isnan
`);
const warnings = words(`
    accessor-pairs array-callback-return callback-return constructor-super
    dot-notation eqeqeq global-require handle-callback-err id-blacklist id-match
    jsdoc/check-tag-names jsdoc/check-types max-depth max-nested-callbacks
    max-statements-per-line no-alert no-array-constructor no-caller
    no-case-declarations no-class-assign no-constant-condition no-control-regex
    no-delete-var no-div-regex no-else-return no-empty no-empty-character-class
    no-extend-native no-extra-bind no-extra-boolean-cast no-extra-label
    no-fallthrough no-implicit-globals no-implied-eval no-inline-comments
    no-inner-declarations no-invalid-regexp no-irregular-whitespace no-iterator
    no-label-var no-labels no-lone-blocks no-multi-str no-negated-condition no-new
    no-new-func no-new-object no-new-require no-new-symbol no-new-wrappers
    no-obj-calls no-octal no-octal-escape no-param-reassign no-path-concat
    no-process-env no-process-exit no-proto no-prototype-builtins no-redeclare
    no-regex-spaces no-restricted-globals no-restricted-imports
    no-restricted-modules no-restricted-syntax no-script-url no-self-assign
    no-self-compare no-sequences no-shadow no-shadow-restricted-names
    no-sparse-arrays no-sync no-this-before-super no-throw-literal no-undef-init
    no-unmodified-loop-condition no-useless-call no-useless-computed-key
    no-useless-concat no-useless-constructor no-useless-escape no-useless-rename
    no-void no-with prefer-const radix require-yield sort-imports valid-typeof yoda
`);
const odooGlobals = words("_ $ fuzzy jQuery moment odoo openerp owl luxon QUnit");

module.exports = [
    {
        plugins: {jsdoc},
        languageOptions: {
            globals: {...all("readonly", odooGlobals), ...globals.browser},
            ecmaVersion: 2024,
            sourceType: "script",
        },
        rules: {
            ...all("error", errors),
            ...all("warn", warnings),
            "capitalized-comments": [
                "warn",
                "always",
                {ignoreConsecutiveComments: true, ignoreInlineComments: true},
            ],
            complexity: ["warn", 15],
            "no-implicit-coercion": ["warn", {allow: ["~"]}],
            "operator-assignment": ["error", "always"],
            "spaced-comment": ["error", "always"],
            strict: ["error", "function"],
        },
    },
    {
        // all of ours below static/src are modules, whatever their names end in
        files: ["**/static/src/**/*.js", "**/*.esm.js", "**/*test.js"],
        languageOptions: {ecmaVersion: 2024, sourceType: "module"},
    },
];
