package config

import (
	"fmt"
	"io"
	"strings"
)

const referenceHead = `# Configuration

<!-- Generated from internal/platform/config by ` + "`make generate`" + `. Do not edit. -->

Granary runs without any configuration. What you set is merged from these sources; a later one wins:

1. the defaults below
2. variables of the original seed-classification backend (` + "`NACHET_…`, `PORT`, `DEV_USER_EMAIL`" + `), see the end of this page
3. a YAML file: ` + "`--config FILE`, else `$GRANARY_CONFIG`, else `granary.yaml` in the working directory, else `granary.yaml`" + ` in the data folder
4. ` + "`GRANARY_…`" + ` variables; those in a ` + "`.env`" + ` file (working directory, or ` + "`--env-file FILE`" + `) yield to those of the process
5. command line flags

An unknown key, in the file or in a ` + "`GRANARY_…`" + ` variable, is an error, and all problems are reported at once.
` + "`granary config check`" + ` reports them; ` + "`granary config show`" + ` prints the effective values, where each came from, and no secret.

Sizes are written as ` + "`16MiB`, `1GB`" + ` or a number of bytes; durations as ` + "`30s`, `5m`, `12h`" + `. In a variable a list is
written with commas. A key marked *secret* can also be given as ` + "`KEY_file`" + ` (` + "`GRANARY_…_FILE`" + `), the name of a file that
holds the value; secrets never appear in the log.

` + "```yaml" + `
# granary.yaml
data: /var/lib/granary
listen: 0.0.0.0:8080
database:
  url_file: /run/secrets/granary-database
web:
  public_url: https://lab.example.org
  trusted_proxies: [127.0.0.1]
listeners:
  - address: 127.0.0.1:9090
    doors: [platform]
` + "```" + `
`

const referenceTail = `
## From the original seed-classification backend

A ` + "`.env`" + ` file of that backend, or its variables in the process environment, work as they are:

| variable | becomes |
|---|---|
| NACHET_DB_URL, NACHET_SCHEMA | vision.legacy.database_url and schema, which ` + "`granary import nachet`" + ` reads; and database.url on the same server with the schema ` + "`granary`" + `, so that neither backend's tables disturb the other's |
| NACHET_AZURE_STORAGE_CONNECTION_STRING (else NACHET_STORAGE_URL, else NACHET_BLOB_ACCOUNT with NACHET_BLOB_KEY) | vision.legacy.connection_string, and blob.url with the container ` + "`granary`" + ` |
| NACHET_BLOB_PIPELINE_NAME, _VERSION, _DECRYPTION_KEY | vision.legacy.pipeline_container, vision.legacy.pipeline_version, vision.pipelines.decryption_key |
| NACHET_DATA | vision.nachet.seed_data_url |
| NACHET_VALID_EXTENSION with NACHET_VALID_DIMENSION | vision.nachet.valid_extensions, valid_width, valid_height; if one of the two is missing or wrong, neither has effect |
| NACHET_MAX_CONTENT_LENGTH (MiB) | vision.nachet.max_body_bytes |
| NACHET_ENV | vision.nachet.environment: local, or production for anything else |
| NACHET_FRONTEND_DEV_URL (local), NACHET_FRONTEND_PUBLIC_URL (otherwise) | vision.nachet.cors_origins |
| NACHET_HEALTH_MESSAGE | vision.nachet.health_message |
| DEV_USER_EMAIL | vision.nachet.dev_user_email |
| PORT | listen on that port of every address |

No variable is required. Others that begin with NACHET_ are named in a warning at start.
`

// WriteReference writes the manual page of all keys, in Markdown.
func WriteReference(w io.Writer) error {
	var page strings.Builder
	page.WriteString(referenceHead)
	for _, s := range sections() {
		title := s.path
		if title == "" {
			title = "Top level"
		}
		fmt.Fprintf(&page, "\n## %s\n\n%s\n", title, s.desc)
		if len(s.keys) == 0 {
			continue
		}
		page.WriteString("\n| key | default | meaning |\n|---|---|---|\n")
		for _, k := range s.keys {
			if k.fileOf == "" {
				fmt.Fprintf(&page, "| `%s` | %s | %s |\n", k.path, k.shownDefault(), k.meaning())
			}
		}
	}
	page.WriteString(referenceTail)
	if _, err := io.WriteString(w, page.String()); err != nil {
		return fmt.Errorf("write configuration reference: %w", err)
	}
	return nil
}

func (k key) shownDefault() string {
	if k.fallback == "" {
		return ""
	}
	return "`" + strings.ReplaceAll(k.fallback, ",", ", ") + "`"
}

func (k key) meaning() string {
	text := strings.ReplaceAll(k.desc, "|", `\|`)
	if len(k.enum) > 1 {
		text += " One of: " + strings.Join(k.enum, ", ") + "."
	}
	switch {
	case k.min != "" && k.max != "":
		text += fmt.Sprintf(" From %s to %s.", k.min, k.max)
	case k.min != "" && k.min != "0" && k.min != "0s":
		text += fmt.Sprintf(" At least %s.", k.min)
	}
	if k.secret != "" {
		text += " *Secret.*"
	}
	return text
}
