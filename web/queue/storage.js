// Owns: what outlives a reload, on this device. A browser that forbids it forgets, and nothing worse.

export function load(key, where = () => localStorage) {
  try {
    return JSON.parse(where().getItem(key));
  } catch {
    return null;
  }
}

export function save(key, value, where = () => localStorage) {
  try {
    if (value === null) where().removeItem(key);
    else where().setItem(key, JSON.stringify(value));
  } catch {
    // Private mode: it lasts as long as the page.
  }
}
