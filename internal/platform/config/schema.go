package config

import (
	"reflect"
	"strings"
)

// key is one setting, as its struct tags describe it.
type key struct {
	path     string // section.name
	typ      reflect.Type
	index    []int // of the field, from Config
	fallback string
	desc     string
	enum     []string
	min, max string
	secret   string // "", "true" or "url"
	// fileOf is the key whose value this one's file holds; "" for a setting
	// with a field of its own.
	fileOf string
}

// section is a group of keys; its path is "" for the top level.
type section struct {
	path, desc string
	keys       []key
}

// sections walks Config in the order of its fields. The top level comes
// first, each section after its parent.
func sections() []section {
	all := []section{{desc: "Keys outside any section."}}
	walk(&all, 0, "", nil, reflect.TypeFor[Config]())
	return all
}

func walk(all *[]section, at int, prefix string, index []int, t reflect.Type) {
	declared := map[string]bool{}
	for i := range t.NumField() {
		declared[t.Field(i).Tag.Get("yaml")] = true
	}
	for i := range t.NumField() {
		field := t.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		fieldIndex := append(append([]int(nil), index...), i)
		if field.Type.Kind() == reflect.Struct {
			*all = append(*all, section{path: prefix + name, desc: field.Tag.Get("desc")})
			walk(all, len(*all)-1, prefix+name+".", fieldIndex, field.Type)
			continue
		}
		k := key{
			path: prefix + name, typ: field.Type, index: fieldIndex,
			fallback: field.Tag.Get("default"), desc: field.Tag.Get("desc"),
			min: field.Tag.Get("min"), max: field.Tag.Get("max"), secret: field.Tag.Get("secret"),
		}
		if enum := field.Tag.Get("enum"); enum != "" {
			k.enum = strings.Split(enum, ",")
		}
		(*all)[at].keys = append((*all)[at].keys, k)
		// secrets.key_file is a setting of its own, so secrets.key gets none.
		if k.secret != "" && !declared[name+"_file"] {
			(*all)[at].keys = append((*all)[at].keys, key{
				path: k.path + "_file", typ: reflect.TypeFor[string](), fileOf: k.path,
				desc: "File that holds the value of " + k.path + ".",
			})
		}
	}
}

// keys lists every setting by its path.
func keys() map[string]key {
	all := map[string]key{}
	for _, s := range sections() {
		for _, k := range s.keys {
			all[k.path] = k
		}
	}
	return all
}

// variable is the name of the environment variable that sets the key.
func (k key) variable() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(k.path, ".", "_"))
}

// field returns the key's field in cfg.
func (k key) field(cfg *Config) reflect.Value {
	return reflect.ValueOf(cfg).Elem().FieldByIndex(k.index)
}
