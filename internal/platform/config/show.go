package config

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// mask stands for a secret that is set.
const mask = "********"

// Show writes the effective configuration as YAML, the origin of each value
// beside it, with secrets masked.
func (c *Config) Show(w io.Writer, origins Origins) error {
	root := &yaml.Node{Kind: yaml.MappingNode}
	nodes := map[string]*yaml.Node{"": root}
	for _, s := range sections() {
		node := root
		if s.path != "" {
			parent, name := "", s.path
			if dot := strings.LastIndex(s.path, "."); dot >= 0 {
				parent, name = s.path[:dot], s.path[dot+1:]
			}
			node = &yaml.Node{Kind: yaml.MappingNode}
			nodes[s.path] = node
			nodes[parent].Content = append(nodes[parent].Content, &yaml.Node{Kind: yaml.ScalarNode, Value: name}, node)
		}
		for _, k := range s.keys {
			if k.fileOf != "" {
				continue // its origin says which file the value is from
			}
			value := &yaml.Node{}
			if err := value.Encode(k.shown(c)); err != nil {
				return fmt.Errorf("show %s: %w", k.path, err)
			}
			if value.Kind == yaml.SequenceNode && k.typ.Elem().Kind().String() == "string" {
				value.Style = yaml.FlowStyle
			}
			name := &yaml.Node{Kind: yaml.ScalarNode, Value: k.path[strings.LastIndex(k.path, ".")+1:]}
			origin := origins.Of[k.path]
			if origin == "" {
				origin = originDefault
			}
			if value.Kind == yaml.SequenceNode && value.Style != yaml.FlowStyle {
				name.HeadComment = origin
			} else {
				value.LineComment = origin
			}
			node.Content = append(node.Content, name, value)
		}
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(root); err != nil {
		return fmt.Errorf("show configuration: %w", err)
	}
	return encoder.Close()
}

// shown is the value as it may be seen by anybody.
func (k key) shown(c *Config) any {
	field := k.field(c)
	switch value := field.Interface().(type) {
	case time.Duration:
		return shortDuration(value)
	case Bytes:
		return value.String()
	case []string:
		if value == nil {
			return []string{}
		}
		return value
	case []Listener:
		if value == nil {
			return []Listener{}
		}
		return value
	}
	switch {
	case k.secret == "true" && field.String() != "":
		return mask
	case k.secret == "url":
		return MaskURL(field.String())
	}
	return field.Interface()
}

// shortDuration drops the zero units that time.Duration writes.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MaskURL hides what grants access in a database or storage address: the
// password, query parameters that hold keys or signatures, and the secret
// parts of an Azure connection string. An address that cannot be taken apart
// is hidden whole.
func MaskURL(raw string) string {
	if isConnectionString(raw) {
		parts := strings.Split(raw, ";")
		for i, part := range parts {
			name, value, _ := strings.Cut(part, "=")
			if secretName(name) && value != "" {
				parts[i] = name + "=" + mask
			}
		}
		return strings.Join(parts, ";")
	}
	if hasScheme(raw, "file:", "sqlite:") || raw == "" {
		return raw
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" {
		return mask
	}
	query := strings.Split(u.RawQuery, "&")
	for i, pair := range query {
		name, _, _ := strings.Cut(pair, "=")
		if secretName(name) {
			query[i] = name + "=" + mask
		}
	}
	u.RawQuery = strings.Join(query, "&")
	_, hasPassword := u.User.Password()
	if !hasPassword {
		return u.String()
	}
	// Put in afterwards: as part of the URL the stars would be escaped.
	u.User = url.UserPassword(u.User.Username(), "masked-password")
	return strings.Replace(u.String(), ":masked-password@", ":"+mask+"@", 1)
}

func secretName(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"key", "secret", "token", "sig", "password"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
