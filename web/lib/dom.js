// Owns: turning plain descriptions of elements into DOM and keeping it up to date (keyed diff, nothing else).
// Called by `app.js` once a frame and by the views through `h`. Styles go through CSSOM, so that the page's
// content policy needs no exception for inline styles.

const SVG = "http://www.w3.org/2000/svg";
const HOOKS = new Set(["key", "mount", "update", "unmount", "opaque"]);
const PROPERTIES = new Set(["value", "checked", "disabled", "selected", "indeterminate"]);

/**
 * Describes an element. `props`: attributes, `on…` handlers, `style` (object), `key`, `mount(el)`, `update(el)`, `unmount(el)`;
 * `opaque` leaves what is inside to somebody else.
 * Children: descriptions, strings, numbers, nested arrays; null, undefined and booleans leave no trace.
 */
export function h(tag, props, ...children) {
  const flat = [];
  flatten(children, flat);
  return { tag, props: props ?? {}, key: props?.key, children: flat };
}

function flatten(list, out) {
  for (const child of list) {
    if (child === null || child === undefined || typeof child === "boolean") continue;
    if (Array.isArray(child)) flatten(child, out);
    else out.push(typeof child === "object" ? child : String(child));
  }
}

/** Makes `parent`'s children equal to `children`, touching only what differs. */
export function patch(parent, children) {
  const flat = [];
  flatten([children], flat);
  patchChildren(parent, flat, parent.namespaceURI === SVG);
}

function patchChildren(parent, next, svg) {
  const keyed = new Map();
  const loose = [];
  for (const node of parent.childNodes) {
    if (node._v?.key !== undefined) keyed.set(node._v.key, node);
    else loose.push(node);
  }
  let at = parent.firstChild;
  for (const vnode of next) {
    let node = null;
    if (vnode.key !== undefined) {
      node = keyed.get(vnode.key) ?? null;
      if (node && node._v.tag !== vnode.tag) node = null;
      else keyed.delete(vnode.key);
    } else {
      const i = loose.findIndex((old) => sameKind(old, vnode));
      if (i >= 0) [node] = loose.splice(i, 1);
    }
    if (node) update(node, vnode, svg);
    else node = create(vnode, svg);
    if (node !== at) parent.insertBefore(node, at);
    else at = at.nextSibling;
    if (vnode.props?.mount && !node._mounted) {
      node._mounted = true;
      vnode.props.mount(node);
    }
    vnode.props?.update?.(node);
  }
  for (const node of [...keyed.values(), ...loose]) {
    node.remove();
    unmount(node);
  }
}

/** What goes goes with all that is in it. */
function unmount(node) {
  node._v?.props.unmount?.(node);
  for (const child of node.childNodes) unmount(child);
}

const sameKind = (node, vnode) => (typeof vnode === "string" ? node.nodeType === 3 : node._v?.tag === vnode.tag);

function create(vnode, svg) {
  if (typeof vnode === "string") return document.createTextNode(vnode);
  const inside = svg || vnode.tag === "svg";
  const node = inside ? document.createElementNS(SVG, vnode.tag) : document.createElement(vnode.tag);
  node._v = { tag: vnode.tag, key: vnode.key, props: {} };
  setProps(node, {}, vnode.props);
  patchChildren(node, vnode.children, inside);
  node._v = vnode;
  if (vnode.tag === "select" && vnode.props.value !== undefined) node.value = vnode.props.value;
  return node;
}

function update(node, vnode, svg) {
  if (typeof vnode === "string") {
    if (node.data !== vnode) node.data = vnode;
    return;
  }
  setProps(node, node._v.props, vnode.props);
  if (!vnode.props.opaque) patchChildren(node, vnode.children, svg || vnode.tag === "svg");
  node._v = vnode;
}

function setProps(node, before, after) {
  for (const name in before) if (!(name in after)) setProp(node, name, before[name], undefined);
  for (const name in after) if (before[name] !== after[name] || PROPERTIES.has(name)) setProp(node, name, before[name], after[name]);
}

function setProp(node, name, old, value) {
  if (HOOKS.has(name)) return;
  if (name === "style") return setStyle(node, old ?? {}, value ?? {});
  if (name.startsWith("on")) {
    // A handler's result is dropped: `false` would cancel the event behind its back.
    node[name] = value ? (event) => void value(event) : null;
    return;
  }
  if (PROPERTIES.has(name)) {
    const wanted = value ?? (name === "value" ? "" : false);
    // An option without the attribute takes its text for its value: an empty one would never be set.
    if (name === "value" && node.localName === "option") return node.setAttribute(name, wanted);
    if (node[name] !== wanted) node[name] = wanted;
    return;
  }
  if (value === undefined || value === null || value === false) node.removeAttribute(name);
  else node.setAttribute(name, value === true ? "" : value);
}

function setStyle(node, old, style) {
  for (const name in old) if (!(name in style)) node.style.removeProperty(name);
  for (const name in style) if (old[name] !== style[name]) node.style.setProperty(name, style[name]);
}
