package config

import (
	"net/url"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// Masked stands where a password was.
const Masked = "***"

// mask takes the password out of a value of which the tag says what it is. What
// cannot be taken apart with certainty is masked whole.
func mask(kind, value string) string {
	if kind == "" || value == "" {
		return value
	}
	masked, ok := value, false
	switch kind {
	case "dsn":
		masked, ok = maskDSN(value)
	case "url":
		masked, ok = maskURL(value)
	}
	if !ok {
		return Masked
	}
	return masked
}

// maskDSN masks user:PASSWORD@net(address)/database?parameters.
func maskDSN(dsn string) (string, bool) {
	parsed, err := mysql.ParseDSN(dsn)
	if err != nil {
		return "", false
	}
	if parsed.Passwd == "" {
		return dsn, true
	}
	before, after, found := cutAround(dsn, ":"+parsed.Passwd+"@")
	return before + ":" + Masked + "@" + after, found
}

// cutAround cuts a text around the only place where a part is.
func cutAround(text, part string) (before, after string, found bool) {
	if strings.Count(text, part) != 1 {
		return "", "", false
	}
	return strings.Cut(text, part)
}

// maskURL masks scheme://user:PASSWORD@host/path?query, and what the query calls
// a password. An @ further on may belong to a password that was not escaped.
func maskURL(text string) (string, bool) {
	parsed, err := url.Parse(text)
	if err != nil || parsed.Scheme == "" || parsed.Opaque != "" {
		return "", false
	}
	scheme, rest, _ := strings.Cut(text, "://")
	authority, path := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		authority, path = rest[:end], rest[end:]
	}
	if strings.Contains(path, "@") {
		return "", false
	}
	if at := strings.LastIndex(authority, "@"); at >= 0 {
		user, _, hasPassword := strings.Cut(authority[:at], ":")
		if hasPassword {
			user += ":" + Masked
		}
		authority = user + authority[at:]
	}
	path, query, hasQuery := strings.Cut(path, "?")
	if hasQuery {
		path += "?" + maskQuery(query)
	}
	return scheme + "://" + authority + path, true
}

func maskQuery(query string) string {
	parts := strings.Split(query, "&")
	for i, part := range parts {
		name, _, _ := strings.Cut(part, "=")
		for _, word := range []string{"pass", "secret", "token", "key"} {
			if strings.Contains(strings.ToLower(name), word) {
				parts[i] = name + "=" + Masked
			}
		}
	}
	return strings.Join(parts, "&")
}
